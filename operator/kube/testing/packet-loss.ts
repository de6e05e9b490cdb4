/**
 * Run in a network namespace of its own: opens a stream to a server, then lets the kernel drop every packet, and says how
 * long it took until the stream was known to be dead. Nobody closes a connection here, and nobody answers.
 */
import { execFileSync } from 'node:child_process';
import { createKubeClient } from '../client.ts';
import { startProtocolServer } from './protocol-server.ts';

await using server = await startProtocolServer((_request, response) => {
  response.writeHead(200);
  response.write('a line\n');
});
const client = createKubeClient(server.access, { userAgent: 'poolkeeper-test' });
const lines = client.stream('/watch', { idleTimeoutMs: 600_000 })[Symbol.asyncIterator]();
await lines.next();
execFileSync('iptables', ['--append', 'OUTPUT', '--out-interface', 'lo', '--jump', 'DROP']);
const began = performance.now();
const error = await lines.next().then(
  () => 'the stream went on',
  (reason: unknown) => String(reason),
);
process.stdout.write(JSON.stringify({ error, seconds: (performance.now() - began) / 1000 }));
process.exit(0);
