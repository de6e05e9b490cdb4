import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const LOSS = fileURLToPath(new URL('./testing/packet-loss.ts', import.meta.url));

describe('a connection whose packets are all lost', () => {
  it('is known to be dead long before the stream counts as silent', async () => {
    const script = 'ip link set lo up && exec "$0" "$@"';
    const { stdout } = await promisify(execFile)('unshare', ['--net', 'sh', '-c', script, process.execPath, LOSS]);
    const { error, seconds } = JSON.parse(stdout) as { readonly error: string; readonly seconds: number };
    assert.match(error, /ConnectionError: GET \/watch/);
    // 15 s until the kernel asks, and ten times a second's wait for an answer.
    assert.ok(seconds > 10 && seconds < 120, `${seconds} s`);
  });
});
