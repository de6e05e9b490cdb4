import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { soundStatus } from './stored-status.ts';

const CONDITION = {
  type: 'Ready',
  status: 'True',
  reason: 'Ready',
  message: 'all is well',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const deep = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);

describe('a stored status', () => {
  it('is believed where it is well-formed', () => {
    const status = { observedGeneration: 3, conditions: [CONDITION], config: { revision: 'abc', failed: {} } };
    assert.deepEqual(soundStatus(status), status);
  });

  it('is as if it were not there where it is not, field by field', () => {
    const status = {
      observedGeneration: '3',
      conditions: [CONDITION, null],
      config: 5,
      history: {},
      pools: 'x',
      pods: [{ name: 'a', ready: 'yes' }],
      version: '1.26.1',
    };
    assert.deepEqual(soundStatus(status), { version: '1.26.1' });
    for (const other of [null, undefined, 'x', 7, [], [status]]) assert.equal(soundStatus(other), undefined);
  });

  it('loses what no schema names, and is itself not changed', () => {
    const status = { config: { revision: 'abc', extra: 1 }, extra: 2, ['__proto__']: 3, constructor: 4 };
    const before = structuredClone(status);
    assert.deepEqual(soundStatus(status), { config: { revision: 'abc' } });
    assert.deepEqual(status, before);
  });

  it('may be nested to any depth', () => {
    assert.deepEqual(soundStatus({ config: deep(200_000), version: '1.26.1' })?.version, '1.26.1');
  });

  it('may be anything at all', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('conditions', 'config', 'pools', 'x'), fc.json()), (fields) => {
        soundStatus(
          Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, JSON.parse(text) as unknown])),
        );
      }),
    );
  });
});
