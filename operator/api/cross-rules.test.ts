import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { CROSS_RULES, checkName } from './cross-rules.ts';
import { specSchema } from './spec-schema.ts';
import { storedForm } from './stored-form.ts';
import { BAD_INPUT } from './testing/bad-input.ts';
import type { JsonObject } from './testing/json.ts';
import type { PoolerSpec } from './types.ts';

test('no rule of the API server depends on what scaling changes, or on what it cannot know', () => {
  for (const { cel, message } of CROSS_RULES) assert.doesNotMatch(cel, /replicas|version|image|serverMax/, message);
});

test('every rule is broken by some document that the API server is tested with', () => {
  const specs = BAD_INPUT.map(({ document }) => specOf(document));
  for (const { check, message } of CROSS_RULES) {
    assert.ok(
      specs.some((spec) => spec !== undefined && check(spec).length > 0),
      message,
    );
  }
});

/** As far as the schema takes it: what the rules between fields are asked about. */
function specOf(document: JsonObject): PoolerSpec | undefined {
  const spec = storedForm(document['spec'], specSchema);
  return new Ajv({ useDefaults: true, strict: false }).validate<PoolerSpec>(specSchema, spec) ? spec : undefined;
}

const NAMES: readonly { readonly name: string; readonly ok: boolean }[] = [
  { name: 'a', ok: true },
  { name: 'app-1', ok: true },
  { name: 'a'.repeat(50), ok: true },
  { name: 'a'.repeat(51), ok: false },
  { name: '', ok: false },
  { name: '1a', ok: false },
  { name: '-a', ok: false },
  { name: 'a-', ok: false },
  { name: 'a.b', ok: false },
  { name: 'a_b', ok: false },
  { name: 'A', ok: false },
  { name: 'a\n', ok: false },
];
for (const { name, ok } of NAMES) {
  test(`${JSON.stringify(name)} ${ok ? 'can' : 'cannot'} be the name of a Service`, () => {
    assert.deepEqual(
      checkName(name).map(({ path, value }) => ({ path, value })),
      ok ? [] : [{ path: 'metadata.name', value: name }],
    );
  });
}
