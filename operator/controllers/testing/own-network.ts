/**
 * Runs a test file in a network of its own, where pods can have addresses: 10.77.0.0/16 is answered by this process, and
 * pods with a network of their own are reached at 10.78.0.0/16. Files below /etc/pgbouncer and /run are its own too, so
 * that PgBouncer finds its configuration where it does in a container. Needs root, as the embedded cluster does.
 */
import { spawn } from 'node:child_process';
import { it } from 'node:test';

const INSIDE = 'POOLKEEPER_TEST_NETWORK';

/** What makes a new network and mount namespace such a place; for the shell. */
export const FURNISH = `set -e
ip link set lo up
ip route add local 10.77.0.0/16 dev lo
aside=$(mktemp -d)
mount -t tmpfs etc "$aside"
cp -a /etc/. "$aside"
mkdir -p "$aside/pgbouncer"
mount --move "$aside" /etc
rmdir "$aside"
mount -t tmpfs run /run
mkdir /run/pgbouncer
`;

/**
 * Runs `tests` when this process is in such a network; else declares one test that runs the file in one.
 * @param file `import.meta.filename` of the test file
 */
export async function inOwnNetwork(file: string, tests: () => unknown): Promise<void> {
  if (process.env[INSIDE] !== undefined) {
    await tests();
    return;
  }
  it('in a network of its own', async () => {
    // The runner's own channel to its files is not for a runner below it.
    const { NODE_TEST_CONTEXT: _channel, ...env } = process.env;
    const inner = [process.execPath, '--test', '--test-reporter=spec', file];
    // Nothing is left behind when the test dies, however it dies.
    const enter = [
      '--net',
      '--mount',
      '--pid',
      '--mount-proc',
      '--kill-child=SIGKILL',
      '--fork',
      '--',
      'sh',
      '-c',
      `${FURNISH}exec "$@"`,
    ];
    const child = spawn('setpriv', ['--pdeathsig', 'SIGKILL', 'unshare', ...enter, 'sh', ...inner], {
      env: { ...env, [INSIDE]: '1' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    if (code !== 0) throw new Error(`it ended with ${code}; what it said stands above`);
  });
}
