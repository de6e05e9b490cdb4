import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restartRequired } from './restart-required.ts';
import { inShort, situationOf } from './testing/situation.ts';

const items = ['database * (removed)', 'listen_backlog'];

for (const [what, config, expected] of [
  ['nothing is kept', {}, 'False NothingKept'],
  ['the operator restarts', { restartRequired: items }, 'True Restarting'],
  ['the user shall', { restartRequired: items, restart: { mode: 'Manual', incurable: false } }, 'True WaitsForRestart'],
  ['a restart did not help', { restartRequired: items, restart: { mode: 'Manual', incurable: true } }, 'True NotCured'],
] as const) {
  test(`RestartRequired when ${what}`, () => {
    const finding = restartRequired(situationOf({ config }));
    assert.equal(inShort(finding), expected);
    if (expected.startsWith('True')) for (const item of items) assert.ok(finding.message.includes(item));
  });
}

test('who has to restart is told how', () => {
  const config = { restartRequired: items, restart: { mode: 'Manual', incurable: false } } as const;
  assert.match(restartRequired(situationOf({ config })).message, /kubectl\.kubernetes\.io\/restartedAt/);
});
