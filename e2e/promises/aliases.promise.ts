/** Two names for one database, told apart by what SQL does in them and not by what a console says. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from 'pg';
import { addressOf, createWorld, type Pod, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('aliases');
  // One server connection each, so that clients must meet on it.
  await world.apply(
    pooler({
      databases: [
        { name: 'app', poolMode: 'transaction', poolSize: 1, reservePoolSize: 0 },
        { name: 'app_session', dbname: 'app', poolMode: 'session', poolSize: 1, reservePoolSize: 0 },
      ],
      parameters: { query_wait_timeout: 4 },
    }),
  );
  await world.ready();
  // The first connection of a pool takes a name lookup and a login: what is shown here comes after.
  for (const pod of await world.pods()) {
    for (const database of ['app', 'app_session']) {
      await world.until(
        `${database} answers`,
        async () => (await world.query(pod, 'SELECT 1', { database })).rows.length === 1,
      );
    }
  }
});
after(() => world.remove());

const timeoutOf = async (client: Client): Promise<string> =>
  (await client.query<{ lock_timeout: string }>('SHOW lock_timeout')).rows[0]?.lock_timeout ?? '';

const inEveryPod = async (work: (pod: Pod) => Promise<void>): Promise<void> => {
  const pods = await world.pods();
  assert.equal(pods.length, 2);
  for (const pod of pods) await work(pod);
};

test('transaction mode: a SET outlives the transaction and reaches the next client, as PgBouncer warns', () =>
  inEveryPod(async (pod) => {
    const [one, two] = [await world.connect(addressOf(pod)), await world.connect(addressOf(pod))];
    await one.query("SET lock_timeout = '1234ms'");
    assert.equal(await timeoutOf(two), '1234ms');
    await two.query('RESET lock_timeout');
    await Promise.all([one.end(), two.end()]);
  }));

test('session mode: a SET is kept for its client, and the next one finds nothing of it', () =>
  inEveryPod(async (pod) => {
    const one = await world.connect(addressOf(pod), { database: 'app_session' });
    await one.query("SET lock_timeout = '1234ms'");
    assert.equal(await timeoutOf(one), '1234ms');
    // The only server connection is taken for as long as the session lasts: this is what session mode costs.
    const waiting = await world.connect(addressOf(pod), { database: 'app_session' });
    await assert.rejects(waiting.query('SELECT 1'), /query_wait_timeout/);
    await one.end();
    const two = await world.connect(addressOf(pod), { database: 'app_session' });
    assert.equal(await timeoutOf(two), '0');
    await two.end();
  }));

test('transaction mode: clients that hold no transaction hold no connection', () =>
  inEveryPod(async (pod) => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => world.connect(addressOf(pod))));
    for (const client of clients) assert.equal((await client.query('SELECT 1 AS one')).rows[0]?.['one'], 1);
    await Promise.all(clients.map((client) => client.end()));
  }));
