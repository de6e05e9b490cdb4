/** Clients of the poolers, one for each pod: each keeps its connection, and all together ask forty times a second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { PORT } from '../../operator/api/names.ts';
import { messageOf } from '../../operator/runtime/log.ts';

export interface Traffic {
  readonly asked: () => number;
  /** What went wrong, in words. */
  readonly failures: readonly string[];
  stop(): Promise<void>;
}

const QUERIES_A_SECOND = 40;

export function startTraffic(addresses: readonly string[], password: string): Traffic {
  const ending = new AbortController();
  const everyMs = (addresses.length * 1000) / QUERIES_A_SECOND;
  const failures: string[] = [];
  let asked = 0;
  const ask = async (host: string): Promise<void> => {
    const client = new Client({ host, port: PORT, user: 'app', database: 'app', password, query_timeout: 5_000 });
    client.on('error', (error) => failures.push(`${host}: ${error.message}`));
    try {
      await client.connect();
      while (!ending.signal.aborted) {
        await client.query('SELECT');
        asked += 1;
        await sleep(everyMs, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    } catch (error) {
      failures.push(`${host}: ${messageOf(error)}`);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const asking = Promise.all(addresses.map(ask));
  return {
    asked: () => asked,
    failures,
    stop: async () => {
      ending.abort();
      await asking;
    },
  };
}
