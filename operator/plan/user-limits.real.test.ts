/**
 * The limits of a user do what their fields say. The console shows none of them, so no proof can: here a client runs into
 * each.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { User } from '../api/types.ts';
import { type AcceptingServer, startAcceptingServer } from '../console/testing/accepting-server.ts';
import { freePort } from '../console/testing/free-port.ts';
import { REAL_VERSIONS, type RealPgbouncer, startPgbouncer, versionOf } from '../console/testing/real-pgbouncer.ts';
import { atLeast } from '../pgbouncer/version.ts';
import { passwordOf, planned, validated } from './testing/planned.ts';
import { filesFor } from './testing/real-files.ts';

const REF = { name: 'app', key: 'password' } as const;

interface Limit {
  readonly since: string;
  readonly fields: Partial<User>;
  /** What the client does, and then waits. */
  readonly queries: readonly string[];
  readonly said: RegExp;
}

/** By the name of the user. */
const LIMITS: Readonly<Record<string, Limit>> = {
  queryTimeout: { since: '1.24', fields: { queryTimeout: '1s' }, queries: ['HANG'], said: /query timeout/ },
  idleTransactionTimeout: {
    since: '1.24',
    fields: { idleTransactionTimeout: '1s' },
    queries: ['BEGIN'],
    said: /idle transaction timeout/,
  },
  clientIdleTimeout: {
    since: '1.24',
    fields: { clientIdleTimeout: '1s' },
    queries: ['SELECT'],
    said: /client_idle_timeout/,
  },
  transactionTimeout: {
    since: '1.25',
    fields: { transactionTimeout: '1s' },
    queries: ['BEGIN'],
    said: /transaction timeout/,
  },
};

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  const limits = Object.entries(LIMITS).filter(([, { since }]) => atLeast(version, since));
  if (limits.length === 0) continue;
  describe(`a client of pgbouncer ${real}`, () => {
    let server: AcceptingServer;
    let bouncer: RealPgbouncer;
    before(async () => {
      const port = await freePort();
      server = await startAcceptingServer('127.0.0.1', port);
      const { spec } = validated({
        backends: [{ host: '127.0.0.1', port }],
        databases: [{ name: 'app', poolMode: 'transaction', poolSize: 1 }],
        users: [
          { name: 'free', passwordSecretRef: REF },
          { name: 'two', passwordSecretRef: REF, maxClientConnections: 2 },
          ...limits.map(([name, { fields }]) => ({ name, passwordSecretRef: REF, ...fields })),
        ],
      });
      const config = spec && planned(spec, version).config;
      assert.ok(config);
      bouncer = await startPgbouncer(real, (place) => filesFor(place, config));
    });
    after(async () => {
      await bouncer?.stop();
      await server?.close();
    });

    /** Connected as a user; `ended` is what it was told at the end. */
    async function connect(user: string) {
      const client = new Client({
        host: '127.0.0.1',
        port: bouncer.port,
        user,
        database: 'app',
        password: passwordOf(REF),
      });
      const { promise: ended, resolve } = Promise.withResolvers<string>();
      client.on('error', (error) => resolve(error.message));
      await client.connect();
      return { client, ended, end: resolve };
    }

    for (const [name, { queries, said }] of limits) {
      it(`is disconnected by the ${name} of its user, and told why`, async () => {
        const { client, ended, end } = await connect(name);
        for (const query of queries) client.query(query).catch((error: Error) => end(error.message));
        assert.match(await Promise.race([ended, sleep(30_000, 'nothing in half a minute')]), said);
      });
    }

    it('of a user without limits is not disconnected for the others', async () => {
      const { client, ended } = await connect('free');
      client.query('BEGIN').catch(() => undefined);
      assert.equal(await Promise.race([ended, sleep(2_500, 'still there')]), 'still there');
      await client.end();
    });

    it('is the last of its user by maxClientConnections', async () => {
      const first = await connect('two');
      const second = await connect('two');
      await assert.rejects(connect('two'), /client connections exceeded \(max_user_client_connections\)/);
      await Promise.all([first, second].map(({ client }) => client.end()));
    });
  });
}
