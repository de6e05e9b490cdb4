/**
 * A line to the API server on which requests can be made to take very long, and answers not: what is sent waits in it,
 * and arrives when it is let go, unless the sender has hung up by then. So it is seen whether a process that is no longer to write takes back what it
 * has sent; what has gone past the last wire that anybody could cut is another matter.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface SlowLine {
  readonly port: number;
  hold(): void;
  /** What is held arrives, of connections that are still open; from then on everything passes at once. */
  letGo(): void;
  stop(): Promise<void>;
}

export async function startSlowLine(target: { readonly host: string; readonly port: number }): Promise<SlowLine> {
  let held: (() => void)[] | undefined;
  const sockets = new Set<Socket>();
  const later = (deliver: () => void): void => {
    if (held === undefined) deliver();
    else held.push(deliver);
  };
  const server = createServer((client) => {
    const upstream = connect(target);
    let hungUp = false;
    const end = (): void => {
      hungUp = true;
      client.destroy();
      upstream.destroy();
      sockets.delete(client);
      sockets.delete(upstream);
    };
    client.on('data', (chunk) => later(() => void (hungUp || upstream.write(chunk))));
    upstream.on('data', (chunk) => void (hungUp || client.write(chunk)));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', end);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hold: () => {
      held ??= [];
    },
    letGo: () => {
      const waiting = held ?? [];
      held = undefined;
      for (const deliver of waiting) deliver();
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
