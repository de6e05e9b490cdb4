/**
 * Every sample does what it says when it is applied as it stands: Ready, within its budget, and each of its connection
 * Secrets leads to the database.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from 'pg';
import type { ConnectionPooler } from '../../operator/api/types.ts';
import { applySample, sampleFiles } from './harness/samples.ts';
import { addressOf, createWorld, type World } from './harness/world.ts';

/** Other servers that samples name; here all of them are one. */
const SERVERS = ['postgres-ro', 'postgres-ro-1', 'postgres-ro-2'] as const;

/** They need an issuer, authorities or a function in the database: prepared-samples.promise.ts. */
const NOT_ALONE: ReadonlySet<string> = new Set(['auth-query.yaml', 'tls.yaml', 'tls-cert-manager.yaml']);

for (const file of (await sampleFiles()).filter((name) => !NOT_ALONE.has(name))) {
  describe(`the sample ${file}`, () => {
    let world: World;
    let poolers: readonly ConnectionPooler[];
    before(async () => {
      world = await createWorld('sample');
      for (const name of SERVERS) {
        const spec = { selector: { app: 'postgres' }, ports: [{ port: 5432 }] };
        await world.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
      }
      poolers = await applySample(world, file);
    });
    after(() => world.remove());

    test('becomes Ready, its budgets valid, and answers for each database', async () => {
      for (const { metadata, spec } of poolers) {
        const ready = await world.ready(metadata.name, 120);
        assert.equal((await world.condition('BudgetValid', metadata.name)).status, 'True');
        const [pod] = await world.pods(metadata.name);
        assert.ok(pod);
        for (const { name } of spec.databases ?? []) {
          const { rows } = await world.query(pod, 'SELECT current_database() AS db', { database: name });
          assert.deepEqual(rows, [{ db: 'app' }], name);
        }
        for (const { budget, open = 0, backend } of ready.status?.budget ?? [])
          assert.ok(open <= (budget ?? 0), `${backend}: ${open} of ${budget}`);
      }
    });

    test('its connection Secrets lead to the database', async () => {
      for (const { metadata, spec } of poolers) {
        const [pod] = await world.pods(metadata.name);
        assert.ok(pod);
        for (const { name } of spec.connectionSecrets ?? []) {
          const stored = await world.kubectl('get', 'secret', name, '-o', 'jsonpath={.data.uri}');
          const uri = new URL(Buffer.from(stored, 'base64').toString());
          assert.equal(uri.hostname, `${metadata.name}.${world.namespace}.svc`);
          // The names of Services are for pods; this test is none.
          uri.hostname = addressOf(pod);
          const client = new Client({ connectionString: uri.href, connectionTimeoutMillis: 10_000 });
          await client.connect();
          assert.equal((await client.query('SELECT 1 AS one')).rows[0]?.['one'], 1);
          await client.end();
        }
      }
    });
  });
}
