/** A sidecar as it stands beside PgBouncer: listens on a Unix socket, and passes on to a server. */
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';

/** @param path of the socket; an abstract one begins with a zero byte */
export async function relay(path: string, host: string, port: number): Promise<{ close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const beyond = connect(port, host);
    for (const [one, other] of [
      [client, beyond],
      [beyond, client],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => open.delete(one));
      one.pipe(other);
    }
  });
  server.listen(path);
  await once(server, 'listening');
  // PgBouncer runs as another user than the test.
  if (path.startsWith('/')) await chmod(path, 0o777);
  return {
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
