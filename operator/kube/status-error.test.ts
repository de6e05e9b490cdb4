import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ApiError,
  ConnectionError,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  isTransient,
  isUnauthorized,
  ProtocolError,
  RequestTimeout,
} from './errors.ts';
import { statusError, watchError } from './status-error.ts';

const refused = (status: number, body: unknown, path = '/api/v1/namespaces/shop/pods/app') =>
  statusError({
    method: 'PATCH',
    path,
    status,
    headers: {},
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('the error of a refused request', () => {
  it('says what was asked, and what the server said', () => {
    const error = refused(409, { kind: 'Status', reason: 'Conflict', message: 'the object has been modified' });
    assert.equal(error.message, 'PATCH /api/v1/namespaces/shop/pods/app: 409 Conflict: the object has been modified');
  });

  it('has the fields an object is invalid for', () => {
    const causes = [{ reason: 'FieldValueInvalid', message: 'must be positive', field: 'spec.replicas' }];
    assert.deepEqual(refused(422, { reason: 'Invalid', message: 'x', details: { causes } }).causes, [
      { reason: 'FieldValueInvalid', field: 'spec.replicas', message: 'must be positive' },
    ]);
  });

  for (const [what, body] of [
    ['HTML of a proxy with the request in it', '<html>planted</html>'],
    ['nothing', ''],
    ['JSON of another kind', '["planted"]'],
    ['a Status of wrong types', { reason: 7, message: ['planted'], details: { causes: 'planted' } }],
  ] as const) {
    it(`repeats nothing of ${what}`, () => {
      const error = refused(502, body);
      assert.equal(error.reason, 'Status502');
      assert.doesNotMatch(JSON.stringify([error.message, error.causes]), /planted/);
    });
  }

  for (const status of [400, 422, 500]) {
    it(`withholds what the server says of a Secret's contents (${status})`, () => {
      const details = { causes: [{ field: 'data[password]', message: 'Invalid value: "planted"' }] };
      const said = { reason: 'Invalid', message: 'Secret "x" is invalid: "planted"', details };
      for (const path of ['/api/v1/namespaces/shop/secrets/x', '/api/v1/namespaces/shop/secrets', '/api/v1/secrets']) {
        const error = refused(status, said, path);
        assert.doesNotMatch(JSON.stringify([error.message, error.causes]), /planted/);
        assert.equal(error.causes[0]?.field, 'data[password]');
      }
    });
  }

  it('says why a Secret may not be read', () => {
    const error = refused(
      403,
      { reason: 'Forbidden', message: 'user "u" cannot get' },
      '/api/v1/namespaces/a/secrets/x',
    );
    assert.match(error.message, /cannot get/);
  });

  for (const [headers, body, expected] of [
    [{ 'retry-after': '3' }, {}, 3],
    [{}, { details: { retryAfterSeconds: 2 } }, 2],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, {}, undefined],
    [{ 'retry-after': '0' }, {}, undefined],
    [{}, {}, undefined],
  ] as const) {
    it(`reads when to try again from ${JSON.stringify([headers, body])}`, () => {
      const error = statusError({ method: 'GET', path: '/', status: 429, headers, body: JSON.stringify(body) });
      assert.equal(error.retryAfterSeconds, expected);
    });
  }

  it('is made of the ERROR event of a watch, too', () => {
    const error = watchError('/api/v1/pods', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    assert.equal(isGone(error), true);
    assert.equal(watchError('/api/v1/pods', 'nonsense').status, 500);
    assert.equal(watchError('/api/v1/pods', null).status, 500);
  });
});

describe('guards', () => {
  const guards = {
    isNotFound,
    isConflict,
    isAlreadyExists,
    isGone,
    isUnauthorized,
    isForbidden,
    isInvalid,
    isNamespaceTerminating,
    isTransient,
  };
  const causes = [{ reason: 'NamespaceTerminating', field: '', message: 'namespace shop is being terminated' }];
  const uid = [{ reason: 'FieldValueInvalid', field: 'metadata.uid', message: 'field is immutable' }];
  const terminating = new ApiError(403, 'Forbidden', '', { causes });
  const connection = new ConnectionError('', { unsent: false });
  for (const [what, error, expected] of [
    ['404', new ApiError(404, 'NotFound', ''), ['isNotFound']],
    ['409', new ApiError(409, 'Conflict', ''), ['isConflict']],
    ['409 on creation', new ApiError(409, 'AlreadyExists', ''), ['isAlreadyExists']],
    ['a namespace that ends', terminating, ['isForbidden', 'isNamespaceTerminating']],
    ['422 about the uid', new ApiError(422, 'Invalid', '', { causes: uid }), ['isConflict', 'isInvalid']],
    ['410', new ApiError(410, 'Gone', ''), ['isGone']],
    ['401', new ApiError(401, 'Unauthorized', ''), ['isUnauthorized']],
    ['403', new ApiError(403, 'Forbidden', ''), ['isForbidden']],
    ['422', new ApiError(422, 'Invalid', ''), ['isInvalid']],
    ['429', new ApiError(429, 'TooManyRequests', ''), ['isTransient']],
    ['503', new ApiError(503, 'ServiceUnavailable', ''), ['isTransient']],
    ['a broken connection', connection, ['isTransient']],
    ['silence', new RequestTimeout(''), ['isTransient']],
    ['garbage', new ProtocolError(''), ['isTransient']],
    ['an error of the program', new TypeError(''), []],
    ['nothing', undefined, []],
  ] as const) {
    it(`know ${what} as ${expected.join() || 'none of ours'}`, () => {
      const known = Object.entries(guards).filter(([, guard]) => guard(error));
      assert.deepEqual(
        known.map(([name]) => name),
        expected,
      );
    });
  }
});
