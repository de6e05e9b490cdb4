import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimeOverride } from './runtime-override.ts';
import { inShort, situationOf } from './testing/situation.ts';

const of = (overrides: readonly { readonly pod: string; readonly found: readonly string[] }[]) =>
  runtimeOverride(situationOf({ overrides }));

test('nothing changed by hand is no override', () => {
  assert.equal(inShort(of([])), 'False AsRendered');
  assert.equal(inShort(of([{ pod: 'a', found: [] }])), 'False AsRendered');
});

test('an override names pod, key and value, and says how it goes', () => {
  const finding = of([
    { pod: 'b', found: ['database app is paused'] },
    { pod: 'a', found: ['max_client_conn is 5, expected 1000'] },
  ]);
  assert.equal(inShort(finding), 'True ChangedByHand');
  assert.match(
    finding.message,
    /^a: max_client_conn is 5, expected 1000; b: database app is paused\. What was SET goes with the next change/,
  );
});

test('a fleet of overrides is cut short', () => {
  const found = Array.from({ length: 9 }, (_, index) => `key${index} is 1, expected 0`);
  const { message } = of(Array.from({ length: 9 }, (_, index) => ({ pod: `p${index}`, found })));
  assert.match(message, /key4 is 1, expected 0, and 4 more; p1:/);
  assert.match(message, /; and 4 more pods\./);
});
