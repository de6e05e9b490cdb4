import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../api/types.ts';
import type { BackendView } from '../plan/fleet.ts';
import { backendReachable } from './backend-reachable.ts';
import type { Finding } from './situation.ts';
import { backendOf, fleetOf, inShort, situationOf } from './testing/situation.ts';

const backend = (name: string, fields: Partial<BackendView> = {}): BackendView => backendOf({ name, ...fields });
const connected = (name: string) => backend(name, { servers: 2 });
const waiting = (name: string) => backend(name, { clientsWaiting: 3, maxWaitSeconds: 2 });

const asBefore = (finding: Finding): Condition => ({
  type: 'BackendReachable',
  ...finding,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

/** What it finds looking at one state after another, each time with its last finding. */
function findings(...states: readonly (readonly BackendView[] | undefined)[]): readonly Finding[] {
  let before: Condition | undefined;
  return states.map((backends) => {
    const fleet = backends === undefined ? undefined : fleetOf({ backends });
    const finding = backendReachable(situationOf({ fleet }), before);
    before = asBefore(finding);
    return finding;
  });
}

const CASES: readonly {
  readonly what: string;
  readonly states: readonly (readonly BackendView[] | undefined)[];
  readonly found: readonly string[];
}[] = [
  { what: 'nothing is known before the first look', states: [undefined], found: ['Unknown NoDemand'] },
  { what: 'nothing is known while nobody asks', states: [[backend('a')]], found: ['Unknown NoDemand'] },
  { what: 'a connection is there', states: [[connected('a')]], found: ['True Connected'] },
  {
    what: 'clients wait, and there is not one connection',
    states: [[waiting('a')]],
    found: ['False ConnectFailed'],
  },
  {
    what: 'clients that have waited for a moment prove nothing',
    states: [[backend('a', { clientsWaiting: 3, maxWaitSeconds: 0.9 })]],
    found: ['Unknown NoDemand'],
  },
  {
    what: 'clients wait while connections are there: a full pool, not an outage',
    states: [[backend('a', { servers: 1, clientsWaiting: 3, maxWaitSeconds: 30 })]],
    found: ['True Connected'],
  },
  {
    what: 'logins fail, by the log',
    states: [[backend('a', { trouble: 'server login failed' })]],
    found: ['False ConnectFailed'],
  },
  {
    what: 'logins of one replica fail, and another one still holds connections of before',
    states: [[backend('a', { servers: 2, trouble: 'server login failed' })], [connected('a')]],
    found: ['False ConnectFailed', 'True Connected'],
  },
  {
    what: 'the last finding stays while there is no new reason to connect',
    states: [[connected('a')], [backend('a')], undefined],
    found: ['True Connected', 'True Connected', 'True Connected'],
  },
  {
    what: 'an outage stays until the backend was seen again: no demand is no news',
    states: [[waiting('a')], [backend('a')], [connected('a')]],
    found: ['False ConnectFailed', 'False ConnectFailed', 'True Connected'],
  },
  {
    what: 'one of two is down',
    states: [[connected('a'), waiting('b')]],
    found: ['False ConnectFailed'],
  },
  {
    what: 'the other one being up does not make up for it',
    states: [
      [connected('a'), waiting('b')],
      [connected('a'), backend('b')],
      [connected('a'), connected('b')],
    ],
    found: ['False ConnectFailed', 'False ConnectFailed', 'True Connected'],
  },
  {
    what: 'one that was never down need not be seen for the other to be well again',
    states: [
      [waiting('a'), backend('b')],
      [connected('a'), backend('b')],
    ],
    found: ['False ConnectFailed', 'True Connected'],
  },
  {
    what: 'one that is no longer in the spec is forgotten',
    states: [[connected('a'), waiting('b')], [connected('a')]],
    found: ['False ConnectFailed', 'True Connected'],
  },
];

for (const { what, states, found } of CASES) {
  test(`BackendReachable: ${what}`, () => {
    assert.deepEqual(findings(...states).map(inShort), found);
  });
}

test('BackendReachable: where a fallback may serve instead, nothing more is said than is known', () => {
  const [up] = findings([connected('a'), backend('b', { servers: 1, fallbacks: ['a'] })]);
  assert.equal(up?.message, 'PgBouncer holds connections to a, b or a');
});

test('BackendReachable: a backend that others only fall back to is not waited for', () => {
  const served = backend('b', { servers: 1, fallbacks: ['a'] });
  assert.deepEqual(findings([backend('a'), waiting('b')], [backend('a', { serversAtMost: 1 }), served]).map(inShort), [
    'False ConnectFailed',
    'True Connected',
  ]);
});

test('BackendReachable: the message names the backends, and what the log says of them', () => {
  const [down] = findings([waiting('a'), backend('b', { trouble: 'password authentication failed' }), connected('c')]);
  assert.equal(
    down?.message,
    'backend a: clients wait, and there is no server connection; backend b: password authentication failed',
  );
  const [up] = findings([connected('a'), backend('b'), connected('c')]);
  assert.equal(up?.message, 'PgBouncer holds connections to a, c');
});
