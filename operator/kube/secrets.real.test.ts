import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { create } from './operations.ts';
import { SECRETS } from './resources.ts';
import { type RealApi, startRealApi } from './testing/real-api.ts';

const FOLLOWER = fileURLToPath(new URL('./testing/secret-follower.ts', import.meta.url));

let api: RealApi;
let directory: string;
before(async () => {
  api = await startRealApi();
  directory = await mkdtemp(join(tmpdir(), 'secrets-'));
});
after(async () => {
  await api.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Follows Secrets in a process of its own. @returns whether the contents of one are on its heap afterwards */
async function stays(...keep: readonly string[]): Promise<boolean> {
  const namespace = await api.namespace();
  const planted = randomBytes(24).toString('base64url');
  const applied = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ stringData: { planted } }) };
  const secret = (name: string, annotations: object, stringData: object) =>
    create(
      api.client,
      SECRETS,
      { apiVersion: 'v1', kind: 'Secret', metadata: { name, annotations }, stringData },
      namespace,
    );
  await secret('planted', applied, { password: planted });
  await secret('other', {}, { password: 'other' });
  const snapshot = join(directory, `${namespace}.heapsnapshot`);
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    FOLLOWER,
    api.kubeconfig,
    namespace,
    'planted',
    snapshot,
    ...keep,
  ]);
  assert.deepEqual(
    JSON.parse(stdout),
    { length: planted.length, cached: 2 },
    'the contents were read, and both cached',
  );
  const heap = await readFile(snapshot, 'latin1');
  return heap.includes(planted) || heap.includes(Buffer.from(planted).toString('base64'));
}

describe('the contents of Secrets', () => {
  it('are not on the heap after they were read, written and followed', async () => {
    assert.equal(await stays(), false);
  });

  it('would be found there if anything held on to them', async () => {
    assert.equal(await stays('keep'), true);
  });
});
