import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  foreignStates,
  type HeldStates,
  parseStates,
  printStates,
  sameStates,
  stateCommands,
  statesOf,
  unionOf,
  withoutLeaving,
} from './database-states.ts';

const row = (name: string, paused = false, disabled = false) => ({ name, paused, disabled });

for (const { what, rows, wanted = {}, held = {}, commands } of [
  { what: 'nothing where nothing is asked for', rows: [row('app')], commands: [] },
  { what: 'nothing of what a hand did', rows: [row('app', true, true)], commands: [] },
  { what: 'what is asked for', rows: [row('app')], wanted: { app: 'Disabled' }, commands: ['DISABLE app'] },
  { what: 'it once', rows: [row('app', false, true)], wanted: { app: 'Disabled' }, commands: [] },
  {
    what: 'first that nobody may come, then that all shall wait',
    rows: [row('a'), row('b')],
    wanted: { a: 'Leaving', b: 'Leaving' },
    commands: ['DISABLE a', 'DISABLE b', 'PAUSE a', 'PAUSE b'],
  },
  {
    what: 'to go on with what it held itself',
    rows: [row('app', true, true)],
    held: { app: 'Leaving' },
    commands: ['ENABLE app', 'RESUME app'],
  },
  {
    what: 'to take back of it what is not asked for any more',
    rows: [row('app', true, true)],
    held: { app: 'Leaving' },
    wanted: { app: 'Disabled' },
    commands: ['RESUME app'],
  },
  {
    what: 'names as the console takes them',
    rows: [row('My "db"')],
    wanted: { 'My "db"': 'Paused' },
    commands: ['PAUSE "My ""db"""'],
  },
  { what: 'nothing to a database that is not there', rows: [], wanted: { app: 'Paused' }, commands: [] },
] as const satisfies readonly {
  what: string;
  rows: readonly ReturnType<typeof row>[];
  wanted?: HeldStates;
  held?: HeldStates;
  commands: readonly string[];
}[]) {
  test(`a process is told ${what}`, () => {
    assert.deepEqual(stateCommands(rows, wanted, held), commands);
  });
}

test('what a hand did is what is neither asked for nor the default', () => {
  const rows = [row('a', true), row('b', false, true), row('c', true, true), row('d', true), row('e')];
  assert.deepEqual(foreignStates(rows, { d: 'Paused', e: 'Disabled' }), [
    'database a is paused',
    'database b is disabled',
    'database c is paused and disabled',
    'database e is enabled, its state is Disabled',
  ]);
});

test('a specification states what is not Enabled', () => {
  const databases = [{ name: 'a', state: 'Paused' }, { name: 'b', state: 'Enabled' }, { name: 'c' }] as const;
  assert.deepEqual(statesOf({ databases }), { a: 'Paused' });
  assert.deepEqual(statesOf({}), {});
});

test('the note is read as it was written, and what a hand wrote there is nothing', () => {
  const states: HeldStates = { b: 'Leaving', a: 'Disabled' };
  assert.equal(printStates(states), '{"a":"Disabled","b":"Leaving"}');
  assert.ok(sameStates(parseStates(printStates(states)), states));
  assert.equal(printStates({}), undefined);
  for (const odd of [undefined, '', '[', 'null', '{"a":"Enabled"}', '{"a":1}']) assert.deepEqual(parseStates(odd), {});
  assert.deepEqual(withoutLeaving(states), { a: 'Disabled' });
  assert.deepEqual(unionOf(states, { b: 'Paused' }), { a: 'Disabled', b: 'Paused' });
  assert.ok(!sameStates(states, { a: 'Disabled' }));
});

test('a database may be called as what every object has', () => {
  const rows = [row('constructor'), row('__proto__'), row('toString', true)];
  assert.deepEqual(stateCommands(rows, {}, {}), []);
  assert.deepEqual(foreignStates(rows, {}), ['database toString is paused']);
});
