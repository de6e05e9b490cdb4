/** Clients that run while something happens, and count what it did to them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { accepts } from '../../../operator/console/testing/accepts.ts';
import type { World } from './world.ts';

export interface Busy extends AsyncDisposable {
  /** Ends the load and tells what it saw. Leaving the test ends it too: `await using`. */
  stop(): Promise<{
    readonly connections: number;
    readonly transactions: number;
    /** One line for each kind of failure: how often, from when to when (seconds), what. */
    readonly failures: readonly string[];
  }>;
}

/**
 * Opens `perSecond` connections a second through the Service, and keeps `long` transactions of half a second going.
 * @param host the Service's address
 */
export function keepBusy(world: World, host: string, { perSecond = 20, long = 2 } = {}): Busy {
  const failures = new Map<string, number[]>();
  const started = performance.now();
  let running = true;
  let connections = 0;
  let transactions = 0;
  const fail = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    failures.set(message, [...(failures.get(message) ?? []), (performance.now() - started) / 1000]);
  };
  const short = async (): Promise<void> => {
    try {
      const client = await world.connect(host);
      await client.query('SELECT 1').finally(() => client.end());
      connections += 1;
    } catch (error) {
      fail(error);
    }
  };
  const opener = (async () => {
    const open: Promise<void>[] = [];
    while (running) {
      open.push(short());
      await sleep(1000 / perSecond);
    }
    await Promise.all(open);
  })();
  const longOnes = Array.from({ length: long }, async () => {
    const client = await world.connect(host).catch(fail);
    if (!client) return;
    while (running) {
      try {
        await client.query('BEGIN');
        await client.query('SELECT pg_sleep(0.5)');
        await client.query('COMMIT');
        transactions += 1;
      } catch (error) {
        fail(error);
        return;
      }
    }
    await client.end();
  });
  const stop: Busy['stop'] = async () => {
    running = false;
    await Promise.all([opener, ...longOnes]);
    return { connections, transactions, failures: [...failures].map(describe) };
  };
  return {
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

const describe = ([message, at]: readonly [string, readonly number[]]): string =>
  `${at.length} times, ${at[0]?.toFixed(1)} s to ${at.at(-1)?.toFixed(1)} s: ${message}`;

/** The address of a Service that answers; names are resolved by nobody outside of pods. */
export async function serviceAddress(world: World, name = 'app'): Promise<string> {
  const found = await world.kubectl('get', 'service', name, '-o', 'jsonpath={.spec.clusterIP} {.spec.ports[0].port}');
  const [address = '', port] = found.split(' ');
  // kube-proxy collects changes for a second: a pooler is Ready sooner than that.
  await world.until(`Service ${name} answers`, () => accepts(Number(port), address));
  return address;
}
