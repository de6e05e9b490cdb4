/**
 * N clients that each keep a connection and send a query every few seconds, as a service that streams to its users
 * does. Refused connections are counted, not fatal. Runs in a pod; the last line it prints is its result as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { type LatencySummary, summarise } from './latency.ts';

export interface ClientsResult {
  readonly clients: number;
  readonly connected: number;
  readonly refused: number;
  /** Queries that failed also on a new connection. */
  readonly failed: number;
  /** Queries that found their connection closed and worked on a new one: that time is part of their latency. */
  readonly reconnected: number;
  readonly queries: number;
  readonly latency: LatencySummary;
  /** What the refused were told, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
}

const setting = (name: string): number => Number(process.env[name]);
const [count, seconds, intervalMs, rampSeconds] = [
  setting('CLIENTS'),
  setting('SECONDS'),
  setting('INTERVAL_MS'),
  setting('RAMP_SECONDS'),
];
/** After so long a client says goodbye and comes again, as a batch job does; without it, it stays. */
const sessionMs = 1000 * (setting('SESSION_SECONDS') || Number.POSITIVE_INFINITY);
const started = performance.now();
const deadline = started + seconds * 1000;
const latencies: number[] = [];
const reasons = new Map<string, number>();
let connected = 0;
let refused = 0;
let failed = 0;
let reconnected = 0;

/** A Service answers a moment after its pods do; only a refusal that lasts counts. */
async function open(): Promise<Client> {
  for (let attempt = 1; ; attempt += 1) {
    const client = new Client({
      host: process.env['PGHOST'],
      port: setting('PGPORT'),
      database: process.env['PGDATABASE'],
      user: 'app',
      application_name: process.env['APPLICATION_NAME'],
      connectionTimeoutMillis: 60_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (!String(error).includes('ECONNREFUSED') || attempt >= 5) throw error;
      await sleep(500);
    }
  }
}

async function one(index: number): Promise<void> {
  await sleep((rampSeconds * 1000 * index) / count);
  let client: Client;
  try {
    client = await open();
    connected += 1;
  } catch (error) {
    refused += 1;
    const reason = error instanceof Error ? error.message : String(error);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    return;
  }
  let openedAt = performance.now();
  await sleep(Math.random() * intervalMs);
  while (performance.now() < deadline) {
    const begun = performance.now();
    try {
      if (begun - openedAt > sessionMs) {
        await client.end();
        client = await open();
        openedAt = begun;
      }
      await client.query('SELECT count(*) FROM pg_class');
      latencies.push(performance.now() - begun);
    } catch {
      // A pod that drains closes idle connections: the client reconnects and asks again, as any pool does.
      try {
        client = await open();
        await client.query('SELECT count(*) FROM pg_class');
        latencies.push(performance.now() - begun);
        reconnected += 1;
      } catch {
        failed += 1;
      }
    }
    await sleep(Math.max(0, intervalMs - (performance.now() - begun)));
  }
  await client.end().catch(() => undefined);
}

const progress = setInterval(() => {
  const passed = Math.round((performance.now() - started) / 1000);
  console.log(`${passed} s: ${connected} connected, ${refused} refused, ${latencies.length} queries, ${failed} failed`);
}, 5_000);
await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
clearInterval(progress);
const result: ClientsResult = {
  clients: count,
  connected,
  refused,
  failed,
  reconnected,
  queries: latencies.length,
  latency: summarise(latencies),
  reasons: Object.fromEntries(reasons),
};
console.log(JSON.stringify(result));
