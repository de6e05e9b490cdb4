/** What docs/clients.md says of transaction mode: what works in session mode only, and what is refused. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from 'pg';
import { serviceAddress } from './harness/clients.ts';
import { createWorld, pooler, type World } from './harness/world.ts';

const DATABASES = { transaction: 'one', session: 'two' } as const;
type Mode = keyof typeof DATABASES;

let world: World;
before(async () => {
  world = await createWorld('modes');
  const databases = [
    // One connection: what a client leaves on it is what the next one finds.
    { name: DATABASES.transaction, dbname: 'app', poolMode: 'transaction', poolSize: 1 },
    { name: DATABASES.session, dbname: 'app', poolMode: 'session', poolSize: 2 },
  ];
  await world.apply(pooler({ replicas: 1, databases }));
  await world.ready();
});
after(() => world.remove());

test('LISTEN hears in session mode, and nothing in transaction mode', async () => {
  assert.equal(await heardOfThree('session', 3), 3);
  assert.equal(await heardOfThree('transaction', 0), 0);
});

test('what SET leaves behind is there for the next client in transaction mode, and gone in session mode', async () => {
  assert.equal(await workMemoryAfterAnother('session'), '4MB');
  assert.equal(await workMemoryAfterAnother('transaction'), '7MB');
});

test('a temporary table of another client is in the way in transaction mode, and gone in session mode', async () => {
  const create = 'CREATE TEMPORARY TABLE scratch (line text)';
  await using('session', (client) => client.query(create));
  await using('session', (client) => client.query(create));
  await using('transaction', (client) => client.query(create));
  await assert.rejects(
    using('transaction', (client) => client.query(create)),
    /relation "scratch" already exists/,
  );
});

test('after a change of a table its prepared SELECT * fails, for new clients too, and named columns do not', async () => {
  const direct = await world.connect(await serviceAddress(world, 'postgres'), { port: 5432 });
  await direct.query('CREATE TABLE changing (line text)');
  const all = { name: 'all', text: 'SELECT * FROM changing' };
  const named = { name: 'named', text: 'SELECT line FROM changing' };
  await using('transaction', async (client) => {
    for (const query of [all, named]) await client.query(query);
    await direct.query('ALTER TABLE changing ADD COLUMN more text');
    await assert.rejects(client.query(all), /cached plan must not change result type/);
    await client.query(named);
  });
  await direct.end();
  await assert.rejects(
    using('transaction', (client) => client.query(all)),
    /cached plan must not change result type/,
  );
});

test('a statement that could not be prepared keeps its name, until its client connects again', async () => {
  const query = { name: 'early', text: 'SELECT * FROM not_there_yet' };
  await using('transaction', async (client) => {
    await assert.rejects(client.query(query), /relation "not_there_yet" does not exist/);
    await assert.rejects(client.query(query), /prepared statement name is already in use/);
  });
  await assert.rejects(
    using('transaction', (client) => client.query(query)),
    /relation "not_there_yet" does not exist/,
  );
});

test('a timeout as a startup parameter is refused by name, and one of the client itself is not', async () => {
  const [pod] = await world.pods();
  assert.ok(pod);
  const host = pod.status.podIP ?? '';
  const database = DATABASES.transaction;
  await assert.rejects(
    world.connect(host, { database, startup: { statement_timeout: 5_000 } }),
    /unsupported startup parameter: statement_timeout/,
  );
  await (await world.connect(host, { database, startup: { query_timeout: 5_000 } })).end();
});

/** How many of three notifications a client hears that listens; asks until it has heard `wanted`. */
async function heardOfThree(mode: Mode, wanted: number): Promise<number> {
  let heard = 0;
  await using(mode, async (listener) => {
    listener.on('notification', () => {
      heard += 1;
    });
    await listener.query('LISTEN news');
    await using(mode, async (other) => {
      for (let sent = 0; sent < 3; sent += 1) await other.query('NOTIFY news');
    });
    await world.until(`${wanted} are heard`, async () => {
      await listener.query('SELECT 1');
      return heard >= wanted;
    });
  });
  return heard;
}

async function workMemoryAfterAnother(mode: Mode): Promise<string> {
  await using(mode, (client) => client.query("SET work_mem = '7MB'"));
  const { rows } = await using(mode, (client) => client.query<{ work_mem: string }>('SHOW work_mem'));
  return rows[0]?.work_mem ?? '';
}

async function using<T>(mode: Mode, work: (client: Client) => Promise<T>): Promise<T> {
  const [pod] = await world.pods();
  const client = await world.connect(pod?.status.podIP ?? '', { database: DATABASES[mode] });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
