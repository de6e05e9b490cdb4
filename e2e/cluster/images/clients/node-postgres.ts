/** node-postgres as an application uses it: a pool, transactions on one of its clients, named prepared statements. */
import { TLSSocket } from 'node:tls';
import { type Client, DatabaseError, Pool, type PoolClient } from 'pg';
import packageJson from 'pg/package.json' with { type: 'json' };
import { connections, named, onEach, poolConfig, rounds, run } from './plan.ts';
import type { ClientReport } from './report.ts';

const pool = new Pool(poolConfig);

const INSERT = 'INSERT INTO visits (client, note) VALUES ($1, $2)';
const count = async (client: Pool | PoolClient): Promise<number> =>
  (await client.query<{ n: number }>('SELECT count(*)::int AS n FROM visits WHERE client = $1', [run])).rows[0]?.n ??
  -1;
const backend = async (client: PoolClient): Promise<number> =>
  (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? -1;
const sqlstate = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof DatabaseError ? (error.code ?? 'none') : String(error)),
  );

/** Runs `work` on one client of the pool. */
async function using<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}

async function transaction(): Promise<ClientReport['transaction']> {
  return using(async (client) => {
    await client.query('BEGIN');
    const first = await backend(client);
    await client.query(INSERT, [run, 'one']);
    await client.query(INSERT, [run, 'two']);
    const inside = await count(client);
    const backends = new Set([first, await backend(client)]).size;
    await client.query('ROLLBACK');
    const afterRollback = await count(client);
    await client.query('BEGIN');
    await client.query(INSERT, [run, 'three']);
    await client.query('COMMIT');
    return { inside, afterRollback, afterCommit: await count(client), backends };
  });
}

async function prepared(): Promise<ClientReport['prepared']> {
  const text = 'SELECT $1::int * 2 AS twice, pg_backend_pid() AS backend';
  // All clients are held at once, so that each has the statement under the same name, and they take turns at servers.
  const clients = await onEach(() => pool.connect());
  const seen = await onEach(async (number) => {
    const rows: { readonly wrong: boolean; readonly backend: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const value = number * 100 + round;
      const query = { ...(named ? { name: 'twice' } : {}), text, values: [value] };
      const answer = (await clients[number]?.query<{ twice: number; backend: number }>(query))?.rows[0];
      rows.push({ wrong: answer?.twice !== value * 2, backend: answer?.backend ?? -1 });
    }
    return rows;
  });
  for (const client of clients) client.release();
  const all = seen.flat();
  return {
    executions: all.length,
    wrong: all.filter(({ wrong }) => wrong).length,
    backends: new Set(all.map((row) => row.backend)).size,
  };
}

async function failure(): Promise<ClientReport['failure']> {
  return using(async (client) => {
    const outside = await sqlstate(client.query('SELECT 1 / $1::int', [0]));
    await client.query('BEGIN');
    const inside = await sqlstate(client.query('SELECT 1 / $1::int', [0]));
    await client.query('ROLLBACK');
    const { rows } = await client.query<{ one: number }>('SELECT 1 AS one');
    return { sqlstate: outside, inside, afterwards: rows[0]?.one ?? -1 };
  });
}

async function concurrent(): Promise<ClientReport['concurrent']> {
  await pool.query('DELETE FROM visits WHERE client = $1', [run]);
  await onEach(async (number) => {
    for (let round = 0; round < rounds; round += 1) {
      await using(async (client) => {
        await client.query('BEGIN');
        await client.query(INSERT, [run, `${number}.${round}`]);
        await client.query('SELECT pg_sleep(0.001)');
        await client.query('COMMIT');
      });
    }
  });
  return { transactions: connections * rounds, rows: await count(pool) };
}

async function who(): Promise<Pick<ClientReport, 'serverVersion' | 'tls' | 'serverTls' | 'user' | 'database'>> {
  return using(async (client) => {
    const { rows } = await client.query<{ version: string; user: string; database: string; ssl: boolean }>(
      `SELECT current_setting('server_version') AS version, current_user AS user, current_database() AS database, ssl
       FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
    );
    // The types leave out what @types/pg does not know of a connected client.
    const { connection } = client as unknown as Client & { readonly connection: { readonly stream: unknown } };
    const { stream } = connection;
    const { version: serverVersion = '', user = '', database = '', ssl: serverTls = false } = rows[0] ?? {};
    return { serverVersion, tls: stream instanceof TLSSocket ? stream.getProtocol() : null, serverTls, user, database };
  });
}

const report: ClientReport = {
  client: 'node-postgres',
  library: packageJson.version,
  ...(await who()),
  transaction: await transaction(),
  prepared: await prepared(),
  failure: await failure(),
  concurrent: await concurrent(),
};
await pool.query('DELETE FROM visits WHERE client = $1', [run]);
await pool.end();
console.log(JSON.stringify(report));
