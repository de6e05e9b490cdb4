import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { denialOf } from './denial.ts';
import { RequestTimeout } from './errors.ts';
import { statusError } from './status-error.ts';

const answered = (
  status: number,
  message: string,
  path = '/api/v1/namespaces/shop/services/app',
  causes: object[] = [],
) =>
  statusError({
    method: 'PATCH',
    path,
    status,
    headers: {},
    body: JSON.stringify({ kind: 'Status', reason: 'Some', message, details: { causes } }),
  });

const POLICY = `ValidatingAdmissionPolicy 'team-label' with binding 'team-label-all' denied request`;

describe('who denied a request', () => {
  for (const [by, status, message] of [
    [
      'quota',
      403,
      'services "app" is forbidden: exceeded quota: few, requested: services=1, used: services=0, limited: services=0',
    ],
    ['quota', 403, 'services "app" is forbidden: status unknown for quota: few, resources: services'],
    ['policy', 422, `services "app" is forbidden: ${POLICY}: no team label`],
    ['policy', 403, `services "app" is forbidden: ${POLICY}: no team label`],
    ['policy', 400, 'admission webhook "validate.kyverno.svc-fail" denied the request: no team label'],
    ['policy', 403, 'services "app" is forbidden: somebody does not like it'],
    [
      'permission',
      403,
      'services "app" is forbidden: User "system:serviceaccount:x:poolkeeper" cannot patch resource "services" in API group "" in the namespace "shop"',
    ],
    [
      'permission',
      403,
      `services "app" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>`,
    ],
    [
      'unanswered',
      500,
      'Internal error occurred: failed calling webhook "a.b.c": failed to call webhook: connection refused',
    ],
  ] as const)
    it(`is a ${by}: ${status} ${message.slice(0, 80)}`, () => {
      assert.deepEqual(denialOf(answered(status, message)), { by, call: 'write services/app', said: message });
    });

  it('is nobody when the object is wrong, missing, or changed meanwhile', () => {
    for (const status of [400, 404, 409, 422, 429, 500])
      assert.equal(denialOf(answered(status, 'Service "app" is invalid: spec.type: Unsupported value')), undefined);
    assert.equal(denialOf(new Error('forbidden')), undefined);
  });

  it('is silence when a write was not answered, and nobody when a read was not', () => {
    const said = 'PATCH /api: no answer within 15 s';
    assert.deepEqual(denialOf(new RequestTimeout(said, 'write services/app')), {
      by: 'silence',
      call: 'write services/app',
      said,
    });
    assert.equal(denialOf(new RequestTimeout(said)), undefined);
  });

  it('is nobody when the namespace goes', () => {
    const causes = [{ reason: 'NamespaceTerminating', field: 'metadata.namespace', message: 'it goes' }];
    assert.equal(denialOf(answered(403, 'it is being terminated', undefined, causes)), undefined);
  });

  it('is named, and their words about a Secret are not: they may quote it', () => {
    for (const [status, said] of [
      [422, `secrets "app" is forbidden: ${POLICY}: data is planted`],
      [403, `secrets "app" is forbidden: ${POLICY}: data is planted`],
      [400, 'admission webhook "a.b.c" denied the request: data is planted'],
    ] as const) {
      const error = answered(status, said, '/api/v1/namespaces/shop/secrets/app');
      assert.doesNotMatch(JSON.stringify([error.message, error.refused, error.causes]), /planted/);
      const denial = denialOf(error);
      assert.equal(denial?.by, 'policy');
      assert.match(denial?.said ?? '', /(team-label-all|"a\.b\.c").*withheld/);
    }
  });

  it('is told apart by what was asked for', () => {
    const said = 'forbidden';
    const call = (path: string): string | undefined => denialOf(answered(403, said, path))?.call;
    assert.equal(call('/apis/apps/v1/namespaces/shop/deployments/app'), 'write deployments/app');
    assert.equal(call('/apis/apps/v1/namespaces/shop/deployments/app/scale'), 'write deployments/app/scale');
    assert.equal(call('/api/v1/pods'), 'write pods');
  });
});
