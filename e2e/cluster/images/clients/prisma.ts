/** Prisma's client with its adapter for node-postgres: no native engine, all of it from npm packages. */
import { TLSSocket } from 'node:tls';
import { PrismaPg } from '@prisma/adapter-pg';
import { Pool } from 'pg';
import { Prisma, PrismaClient } from './generated/client.ts';
import { connections, named, onEach, poolConfig, rounds, run } from './plan.ts';
import type { ClientReport } from './report.ts';

const pool = new Pool(poolConfig);
let tls: string | null = null;
pool.on('connect', (client) => {
  // The types leave out what @types/pg does not know of a connected client.
  const { stream } = (client as unknown as { readonly connection: { readonly stream: unknown } }).connection;
  tls = stream instanceof TLSSocket ? stream.getProtocol() : null;
});
// Without a generator of names the adapter prepares each query anew, without a name.
const names = new Map<string, string>();
const statementNameGenerator = ({ sql }: { readonly sql: string }): string => {
  const name = names.get(sql) ?? `prisma_${names.size}`;
  names.set(sql, name);
  return name;
};
const prisma = new PrismaClient({
  adapter: new PrismaPg(pool, named ? { statementNameGenerator } : {}),
  // By default a transaction that waits two seconds for a connection is given up: not what is tested here.
  transactionOptions: { maxWait: 20_000, timeout: 20_000 },
});

const mine = { where: { client: run } };
const visit = (note: string) => ({ data: { client: run, note } });
const backend = async (client: Pick<PrismaClient, '$queryRaw'>): Promise<number> =>
  (await client.$queryRaw<readonly { pid: number }[]>`SELECT pg_backend_pid() AS pid`)[0]?.pid ?? -1;
/** Prisma puts the server's code into its own error; the message of the server is what both have. */
const sqlstate = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => /\b22012\b/.exec(`${error} ${JSON.stringify(error)}`)?.[0] ?? String(error),
  );

async function transaction(): Promise<ClientReport['transaction']> {
  let inside = -1;
  let backends = -1;
  const abandoned = new Error('abandoned');
  await prisma
    .$transaction(async (client) => {
      const first = await backend(client);
      await client.visit.create(visit('one'));
      await client.visit.create(visit('two'));
      inside = await client.visit.count(mine);
      backends = new Set([first, await backend(client)]).size;
      throw abandoned;
    })
    .catch((error: unknown) => {
      if (error !== abandoned) throw error;
    });
  const afterRollback = await prisma.visit.count(mine);
  await prisma.$transaction([prisma.visit.create(visit('three')), prisma.visit.count(mine)]);
  return { inside, afterRollback, afterCommit: await prisma.visit.count(mine), backends };
}

async function prepared(): Promise<ClientReport['prepared']> {
  const seen = await onEach(async (number) => {
    const rows: { readonly wrong: boolean; readonly backend: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const value = number * 100 + round;
      const [answer] = await prisma.$queryRaw<
        readonly { twice: number; backend: number }[]
      >`SELECT ${value}::int * 2 AS twice, pg_backend_pid() AS backend`;
      rows.push({ wrong: answer?.twice !== value * 2, backend: answer?.backend ?? -1 });
    }
    return rows;
  });
  const all = seen.flat();
  return {
    executions: all.length,
    wrong: all.filter(({ wrong }) => wrong).length,
    backends: new Set(all.map((row) => row.backend)).size,
  };
}

async function failure(): Promise<ClientReport['failure']> {
  const outside = await sqlstate(prisma.$queryRaw`SELECT 1 / ${0}::int`);
  const inside = await sqlstate(
    prisma.$transaction(async (client) => {
      await client.visit.create(visit('lost'));
      await client.$queryRaw`SELECT 1 / ${0}::int`;
    }),
  );
  const [row] = await prisma.$queryRaw<readonly { one: number }[]>`SELECT 1 AS one`;
  return { sqlstate: outside, inside, afterwards: row?.one ?? -1 };
}

async function concurrent(): Promise<ClientReport['concurrent']> {
  await prisma.visit.deleteMany(mine);
  await onEach(async (number) => {
    for (let round = 0; round < rounds; round += 1) {
      await prisma.$transaction(async (client) => {
        await client.visit.create(visit(`${number}.${round}`));
        await client.visit.count(mine);
      });
    }
  });
  return { transactions: connections * rounds, rows: await prisma.visit.count(mine) };
}

async function who(): Promise<Pick<ClientReport, 'serverVersion' | 'tls' | 'serverTls' | 'user' | 'database'>> {
  const [row] = await prisma.$queryRaw<
    readonly { version: string; user: string; database: string; ssl: boolean }[]
  >`SELECT current_setting('server_version') AS version, current_user::text AS user, current_database()::text AS database, ssl
    FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
  const { version: serverVersion = '', user = '', database = '', ssl: serverTls = false } = row ?? {};
  return { serverVersion, tls, serverTls, user, database };
}

const report: ClientReport = {
  client: 'prisma',
  library: Prisma.prismaVersion.client,
  ...(await who()),
  transaction: await transaction(),
  prepared: await prepared(),
  failure: await failure(),
  concurrent: await concurrent(),
};
await prisma.visit.deleteMany(mine);
await prisma.$disconnect();
await pool.end();
console.log(JSON.stringify(report));
