import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LiveRestart, pendingSettings, planRestart, type RestartInput } from './restart.ts';

const LIVE: LiveRestart = { wished: undefined, restarted: undefined, restartedFor: [] };
const plan = (changes: Partial<RestartInput> = {}) =>
  planRestart({ mode: 'Automatic', wish: undefined, live: LIVE, found: [], now: 'now', ...changes });

test('nothing found and nothing wished: the pods stay', () => {
  assert.deepEqual(plan(), { token: {}, restartedFor: [], incurable: false });
  assert.deepEqual(plan({ found: undefined }), { token: {}, restartedFor: [], incurable: false });
});

test('Automatic replaces the pods for what is found, and notes it', () => {
  assert.deepEqual(plan({ found: ['database * (removed)'] }), {
    token: { restarted: 'now' },
    restartedFor: ['database * (removed)'],
    incurable: false,
  });
});

test('Manual leaves them for a wish, which then counts as the attempt', () => {
  assert.deepEqual(plan({ mode: 'Manual', found: ['x'] }).token, {});
  const wished = plan({ mode: 'Manual', found: ['x'], wish: 'today' });
  assert.deepEqual(wished, { token: { wished: 'today' }, restartedFor: ['x'], incurable: false });
});

test('what a restart did not cure is not tried again, also with more operators and later revisions', () => {
  const live = { ...LIVE, restarted: 'before', restartedFor: ['x', 'y'] };
  assert.deepEqual(plan({ live, found: ['x'] }), {
    token: { restarted: 'before' },
    restartedFor: ['x', 'y'],
    incurable: true,
  });
});

test('something new is tried, and once it is all gone the same may be tried again', () => {
  const live = { ...LIVE, restarted: 'before', restartedFor: ['x'] };
  assert.equal(plan({ live, found: ['x', 'new'] }).token.restarted, 'now');
  const cured = plan({ live, found: [] });
  assert.deepEqual(cured, { token: { restarted: 'before' }, restartedFor: [], incurable: false });
  assert.equal(plan({ live: { ...live, restartedFor: cured.restartedFor }, found: ['x'] }).token.restarted, 'now');
});

test('while it is not known what all processes keep, the token stays: a rollout under way is not begun anew', () => {
  const live = { ...LIVE, restarted: 'before', restartedFor: ['x'] };
  assert.deepEqual(plan({ live, found: undefined }).token, { restarted: 'before' });
});

test('a wish is fulfilled also when nothing was found, and taking it back restarts nothing', () => {
  assert.deepEqual(plan({ wish: 'today' }).token, { wished: 'today' });
  assert.deepEqual(plan({ live: { ...LIVE, wished: 'today' } }).token, { wished: 'today' });
  assert.deepEqual(plan({ live: { ...LIVE, wished: 'today' }, wish: 'today' }).token, { wished: 'today' });
});

test('pods that do not exist yet fulfil every wish', () => {
  assert.deepEqual(plan({ live: undefined, wish: 'today' }).token, { wished: 'today' });
});

test('settings wait that differ, that are new, and that are gone', () => {
  assert.deepEqual(pendingSettings({ a: '1', b: '2', c: '3' }, { a: '1', b: '0', d: '4' }), ['b', 'c', 'd']);
});
