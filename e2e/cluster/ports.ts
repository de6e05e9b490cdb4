// Free TCP ports of the loopback address, for daemons that must be told theirs.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below those that Linux gives to whoever connects somewhere (32768 and up): such a one may be the near end of a
 * connection a moment later. And not those of the first thing that anybody starts by hand.
 */
const FIRST = 20_000;
const AFTER_LAST = 32_000;

/** Ports that were free a moment ago; all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(FIRST, AFTER_LAST);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
