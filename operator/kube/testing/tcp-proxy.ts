/** A proxy between a client and a server that fails as networks do: connections cut, refused, or swallowed in silence. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** How many connections were ever made. */
  connections(): number;
  /** `pass`; `swallow`: nothing gets through, and what is open now stays dead for ever; `refuse`: close new ones at once. */
  be(state: 'pass' | 'swallow' | 'refuse'): void;
  /** Closes all connections, in the middle of whatever they carry. */
  cut(): void;
}

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Nothing gets through it any more, and nobody is told. */
  swallowed: boolean;
}

export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let state: 'pass' | 'swallow' | 'refuse' = 'pass';
  let count = 0;
  const server = createServer((client) => {
    if (state === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    count += 1;
    const upstream = connect(target);
    const pair: Pair = { client, upstream, swallowed: state === 'swallow' };
    pairs.add(pair);
    const end = (): void => {
      // The end of a connection is news, too.
      if (pair.swallowed) return;
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    const pipe = (from: Socket, to: Socket): void => {
      from.on('data', (chunk) => {
        if (!pair.swallowed) to.write(chunk);
      });
      from.on('error', end);
      from.on('close', end);
    };
    pipe(client, upstream);
    pipe(upstream, client);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const cut = (): void => {
    for (const { client, upstream } of pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
    pairs.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    be: (next) => {
      if (next === 'swallow') for (const pair of pairs) pair.swallowed = true;
      state = next;
    },
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
}
