import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../testing/properties.ts';
import { formatFault } from './fault.ts';
import { validSpec } from './testing/arbitrary-spec.ts';
import { BAD_INPUT } from './testing/bad-input.ts';
import { type Json, poolerOf } from './testing/json.ts';
import { validatePooler } from './validate.ts';

function faultsOf(document: unknown, unknownFields: 'refuse' | 'ignore' = 'refuse') {
  const result = validatePooler(document, unknownFields);
  return result.ok ? [] : result.faults;
}

for (const { what, document, path } of BAD_INPUT) {
  test(`refused, with the field and the way out named: ${what}`, () => {
    const faults = faultsOf(document);
    assert.deepEqual([...new Set(faults.map((fault) => fault.path))], [path]);
    for (const fault of faults) {
      const line = formatFault(fault);
      assert.match(line, /^\S.*: .+; .+$/);
      assert.ok(!/\p{Cc}/u.test(line), line);
    }
  });
}

const MESSAGES: readonly { readonly what: string; readonly spec: Json; readonly line: string }[] = [
  {
    what: 'a value that is too small',
    spec: { backends: [{ host: 'pg' }], replicas: -1 },
    line: 'spec.replicas: is too small (-1); give at least 0',
  },
  {
    what: 'a word that is none of the known',
    spec: { backends: [{ host: 'pg' }], profile: 'fast' },
    line: 'spec.profile: is not a known value ("fast"); use one of: balanced, highThroughput, lowLatency, pgbouncer',
  },
  {
    what: 'a line break',
    spec: { backends: [{ host: 'pg' }], databases: [{ name: 'a\nb' }] },
    line: 'spec.databases[0].name: is not well formed ("a\\nb"); remove line breaks and other control characters',
  },
  {
    what: 'a field that is missing',
    spec: {},
    line: 'spec.backends: is missing; set it',
  },
  {
    what: 'a backend that is not there',
    spec: { backends: [{ host: 'pg' }], databases: [{ name: 'a', backend: 'b' }] },
    line: 'spec.databases[0].backend: is not one of spec.backends ("b"); use one of: primary',
  },
  {
    what: 'a text that is too long',
    spec: { backends: [{ host: 'pg' }], databases: [{ name: 'x'.repeat(64) }] },
    line: `spec.databases[0].name: has more than 63 characters ("${'x'.repeat(64)}"); shorten it`,
  },
  {
    what: 'an integer that is none',
    spec: { backends: [{ host: 'pg' }], parameters: { a: [] } },
    line: 'spec.parameters.a: is neither an integer nor a string; give an integer or a string',
  },
];

for (const { what, spec, line } of MESSAGES) {
  test(`one line says it all: ${what}`, () => {
    assert.deepEqual(faultsOf(poolerOf(spec)).map(formatFault), [line]);
  });
}

test('every fault of a document is told at once, unknown fields beside wrong values', () => {
  const paths = faultsOf(poolerOf({ backends: [{ host: 1 }], replicas: 'x', replica: 2 })).map(({ path }) => path);
  assert.deepEqual(paths.sort(), ['spec.backends[0].host', 'spec.replica', 'spec.replicas']);
});

test('a stored object may hold fields that only a newer version knows', () => {
  assert.deepEqual(faultsOf(poolerOf({ backends: [{ host: 'pg', tls: {} }], advisor: {} }), 'ignore'), []);
});

test('what is no pooler at all is said so', () => {
  for (const input of [undefined, null, 1, 'x', [], {}, { metadata: {} }, { metadata: { name: 1 } }]) {
    assert.deepEqual(
      faultsOf(input).map(({ path }) => path),
      ['metadata.name'],
    );
  }
  const other = faultsOf({ ...poolerOf({}), apiVersion: 'poolkeeper.dev/v2' });
  assert.deepEqual(other.map(formatFault), [
    'apiVersion: is not a ConnectionPooler of poolkeeper.dev ("poolkeeper.dev/v2 ConnectionPooler"); use poolkeeper.dev/v1alpha1 ConnectionPooler',
  ]);
});

test('a password that was put into parameters is refused without being shown', () => {
  for (const value of ['planted\nsecret', `planted${'x'.repeat(2000)}`]) {
    const spec = { backends: [{ host: 'pg' }], databases: [{ name: 'app', parameters: { password: value } }] };
    const [fault] = faultsOf(poolerOf(spec));
    assert.ok(fault);
    assert.ok(!formatFault(fault).includes('planted'));
  }
});

test('defaults are filled in, and what was given is not touched', () => {
  const input = poolerOf({ backends: [{ host: 'pg' }], auth: {}, service: {}, users: null });
  const before = structuredClone(input);
  const result = validatePooler(input, 'refuse');
  assert.ok(result.ok);
  assert.deepEqual(result.pooler.spec, {
    replicas: 2,
    suspend: false,
    profile: 'balanced',
    backends: [{ name: 'primary', host: 'pg', port: 5432 }],
    auth: { type: 'scram-sha-256' },
    service: { type: 'ClusterIP', port: 6432 },
  });
  assert.deepEqual(input, before);
});

test('a spec nested deeper than any call stack is refused by the name of the field', () => {
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`);
  const result = validatePooler(poolerOf({ backends: [{ host: 'pg' }], template: { spec: deep } }), 'ignore');
  assert.ok(!result.ok);
  assert.equal(result.faults[0]?.path, 'spec.template');
  assert.match(result.faults[0]?.problem ?? '', /deeper than 64 levels/);
});

test('whatever is given, the answer is a verdict and never an exception', () => {
  fc.assert(fc.property(fc.anything(), (input) => void validatePooler(input, 'refuse')));
  fc.assert(fc.property(fc.json(), (text) => void validatePooler(poolerOf(JSON.parse(text)), 'refuse')));
});

test('a spec made from the schema is valid, and filling in its defaults a second time changes nothing', () => {
  fc.assert(
    fc.property(validSpec, (spec) => {
      const first = validatePooler(poolerOf(spec), 'refuse');
      assert.ok(first.ok, JSON.stringify(first));
      assert.deepEqual(validatePooler(first.pooler, 'refuse'), first);
    }),
    { numRuns: 300 },
  );
});
