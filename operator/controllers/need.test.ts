import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatsRow } from '../pgbouncer/show.ts';
import type { PoolReading } from '../plan/fleet.ts';
import { pool } from '../plan/testing/pool-reading.ts';
import { databasesInNeed, type Look, lastingTrouble } from './need.ts';

const counted = (clientLogins: number | undefined, queries = 0, database = 'app'): StatsRow => ({
  database,
  transactions: 0,
  queries,
  receivedBytes: 0,
  sentBytes: 0,
  transactionTime: 0,
  queryTime: 0,
  waitTime: 0,
  ...(clientLogins === undefined ? {} : { clientLogins }),
});

const look = (pools: readonly PoolReading[], ...stats: readonly StatsRow[]): Look => ({
  pod: 'a',
  version: '1.26.1',
  pools,
  databases: [],
  stats,
});

const CASES: readonly {
  readonly what: string;
  readonly now: Look;
  readonly last?: Look;
  readonly databases: readonly string[];
}[] = [
  { what: 'a client waits', now: look([pool({ clientsWaiting: 1 })]), databases: ['app'] },
  { what: 'a server logs in', now: look([pool({ serversLogin: 1 })]), databases: ['app'] },
  {
    what: 'a client waits for a full pool: that is no trouble with the server',
    now: look([pool({ clientsWaiting: 1, serversActive: 2 })]),
    databases: [],
  },
  {
    what: 'clients came, were sent away, and none is there at the moment of the look',
    now: look([pool()], counted(7)),
    last: look([pool()], counted(4)),
    databases: ['app'],
  },
  {
    what: 'the first clients of all were sent away',
    now: look([pool()], counted(1)),
    last: look([]),
    databases: ['app'],
  },
  {
    what: 'clients came and were served, and the connections have ended since',
    now: look([pool()], counted(7, 20)),
    last: look([pool()], counted(4, 10)),
    databases: [],
  },
  { what: 'nobody came', now: look([pool()], counted(4)), last: look([pool()], counted(4)), databases: [] },
  { what: 'there was no look before to compare with', now: look([pool()], counted(4)), databases: [] },
  {
    what: 'a version that does not count logins',
    now: look([pool()], counted(undefined)),
    last: look([pool()], counted(undefined)),
    databases: [],
  },
  {
    what: 'only the database that could not be reached, once for all of its users',
    now: look([pool({ clientsWaiting: 1 }), pool({ user: 'b', clientsWaiting: 1 }), pool({ database: 'other' })]),
    databases: ['app'],
  },
];

for (const { what, now, last, databases } of CASES)
  test(`in need of a server: ${what}`, () => assert.deepEqual(databasesInNeed(now, last), databases));

test('trouble lasts for a minute without an attempt, and until a connection is seen', () => {
  const trouble = { said: 'server login failed', databases: ['app', 'other'], at: 1_000 };
  const last = { ...look([pool(), pool({ database: 'other' })]), trouble };
  assert.deepEqual(lastingTrouble(look([pool()]), last, 61_000), trouble);
  assert.equal(lastingTrouble(look([pool()]), last, 61_001), undefined);
  const reached = look([pool({ serversIdle: 1 })]);
  assert.deepEqual(lastingTrouble(reached, last, 2_000)?.databases, ['other']);
  assert.equal(lastingTrouble(reached, { ...last, trouble: { ...trouble, databases: ['app'] } }, 2_000), undefined);
  assert.equal(lastingTrouble(look([pool()]), undefined, 0), undefined);
});
