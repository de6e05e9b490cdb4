import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusSchema } from '../api/status-schema.ts';
import type { Condition } from '../api/types.ts';
import { CONDITION_RULES, evaluateConditions } from './conditions.ts';
import { FAULT, situationOf } from './testing/situation.ts';

const FIRST = '2026-01-01T00:00:00Z';
const LATER = '2026-01-02T00:00:00Z';

const byType = (conditions: readonly Condition[]) =>
  new Map(conditions.map((condition) => [condition.type, condition]));

test('every condition is there from the first look on, each once, with reason, message and generation', () => {
  const conditions = evaluateConditions(situationOf(), [], FIRST);
  assert.deepEqual(
    conditions.map(({ type }) => type),
    CONDITION_RULES.map(([type]) => type),
  );
  assert.equal(byType(conditions).size, conditions.length);
  for (const { reason, message, observedGeneration, lastTransitionTime } of conditions) {
    assert.match(reason, /^[A-Z][A-Za-z]+$/);
    assert.notEqual(message, '');
    assert.equal(observedGeneration, 7);
    assert.equal(lastTransitionTime, FIRST);
  }
});

test('kubectl explain says of every condition whether True is good', () => {
  const said = statusSchema.properties.conditions.items.properties.type.description;
  for (const [type] of CONDITION_RULES) assert.ok(said.includes(type), type);
});

test('the time of a transition changes with the status, and with nothing else', () => {
  const before = evaluateConditions(situationOf(), [], FIRST);
  const same = evaluateConditions(situationOf({ generation: 8, config: { desired: 'rev2' } }), before, LATER);
  for (const condition of same) assert.equal(condition.lastTransitionTime, FIRST);

  const stalled = byType(evaluateConditions(situationOf({ faults: { spec: [FAULT] } }), before, LATER));
  for (const type of ['Ready', 'Stalled']) assert.equal(stalled.get(type)?.lastTransitionTime, LATER);
  for (const type of ['CredentialsValid', 'BudgetValid', 'PoolSaturated', 'BackendReachable'])
    assert.equal(stalled.get(type)?.lastTransitionTime, FIRST);
});

test('another reason with the same status keeps the time', () => {
  const before = evaluateConditions(situationOf({ faults: { spec: [FAULT] } }), [], FIRST);
  const after = byType(evaluateConditions(situationOf({ faults: { budget: [FAULT] } }), before, LATER));
  assert.equal(after.get('Stalled')?.reason, 'BudgetExceeded');
  assert.equal(after.get('Stalled')?.lastTransitionTime, FIRST);
});

test('the same situation gives the same conditions: nothing is written at rest', () => {
  const before = evaluateConditions(situationOf(), [], FIRST);
  assert.deepEqual(evaluateConditions(situationOf(), before, LATER), before);
});

test('a rule sees its own last finding, not that of another', () => {
  const [, , ...others] = evaluateConditions(situationOf({ fleet: undefined }), [], FIRST);
  assert.equal(byType(others).get('BackendReachable')?.status, 'Unknown');
  const known = evaluateConditions(situationOf(), others, LATER);
  assert.equal(byType(known).get('BackendReachable')?.status, 'True');
  const blind = evaluateConditions(situationOf({ fleet: undefined }), known, LATER);
  assert.equal(byType(blind).get('BackendReachable')?.status, 'True');
});

test('a message that is too long is cut, never in the middle of a character', () => {
  for (const padding of ['', 'x']) {
    const faults = { spec: [{ ...FAULT, problem: `${padding}${'🐘'.repeat(2000)}` }] };
    const [ready] = evaluateConditions(situationOf({ faults }), [], FIRST);
    assert.ok(ready && ready.message.length <= 1024 && ready.message.length > 1000);
    assert.ok(ready.message.isWellFormed());
    assert.ok(ready.message.endsWith('…'));
  }
});
