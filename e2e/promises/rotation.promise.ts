/** A password that changes while clients work: what breaks is bounded, and is not what runs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceAddress } from './harness/clients.ts';
import { secret } from './harness/secret.ts';
import { createWorld, pooler, type World } from './harness/world.ts';

let world: World;
before(async () => {
  world = await createWorld('rotation');
  await world.apply(pooler());
  await world.ready();
});
after(() => world.remove());

test('a password is rotated under load: transactions go on, and logins fail only until it is proved', async () => {
  const host = await serviceAddress(world);
  const rotated = `${world.password}-rotated`;
  // A client that logged in long ago, with transactions that span the rotation.
  const old = await world.connect(host);
  let rotating = true;
  let transactions = 0;
  const working = (async () => {
    while (rotating) {
      await old.query('BEGIN');
      await old.query('SELECT pg_sleep(0.3)');
      await old.query('COMMIT');
      transactions += 1;
    }
  })();
  // What an application does: it takes the new password where the old one is refused.
  const refusals: number[] = [];
  let logins = 0;
  const logging = (async () => {
    while (rotating) {
      const accepted = await firstAccepted(host, [world.password, rotated]);
      if (accepted === undefined) refusals.push(performance.now());
      else logins += 1;
      await sleep(50);
    }
  })();
  await sleep(1_000);

  const before = (await world.pooler()).status?.config?.revision;
  const direct = await world.connect(await serviceAddress(world, 'postgres'), { port: 5432 });
  await direct.query(`ALTER ROLE app PASSWORD '${rotated}'`);
  await direct.end();
  await world.apply(secret('app-db', { password: rotated }));
  await world.until('another revision is proved on both replicas', async () => {
    const config = (await world.pooler()).status?.config;
    return config?.revision !== before && config?.revision === config?.desiredRevision && config?.provedReplicas === 2;
  });
  const proved = performance.now();
  await sleep(1_500);
  rotating = false;
  await Promise.all([working, logging]);
  await old.end();

  assert.ok(transactions > 3 && logins > 10, `${transactions} transactions, ${logins} logins`);
  assert.deepEqual(
    refusals.filter((at) => at > proved),
    [],
    'a login was refused after the new password was proved',
  );
  for (const pod of await world.pods()) {
    assert.equal((await world.query(pod, 'SELECT 1 AS one', { password: rotated })).rows[0]?.['one'], 1);
    await assert.rejects(world.query(pod, 'SELECT 1', { password: world.password }));
  }
});

/** Logs in and asks; PgBouncer also needs a server connection that PostgreSQL lets in. */
async function firstAccepted(host: string, passwords: readonly string[]): Promise<string | undefined> {
  for (const password of passwords) {
    try {
      const client = await world.connect(host, { password });
      try {
        await client.query('SELECT 1');
        return password;
      } finally {
        await client.end();
      }
    } catch {
      // Refused: the next one.
    }
  }
  return undefined;
}
