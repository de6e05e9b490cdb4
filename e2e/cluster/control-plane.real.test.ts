import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { waitFor } from './processes.ts';
import { processesNaming } from './testing/processes-naming.ts';

describe('a control plane on loopback', () => {
  let directory: string;
  let controlPlane: ControlPlane;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'control-plane-'));
    controlPlane = await startControlPlane({ directory, auditLog: join(directory, 'audit.log') });
  });
  after(async () => {
    await controlPlane.stop();
    await rm(directory, { recursive: true });
  });
  const kubectl = (...args: string[]): Promise<string> => controlPlane.kubectl(args);

  test('tells the version that charts ask for', async () => {
    assert.match(await kubectl('version'), /Server Version: v1\.35\./);
  });

  test('makes the pods of a Deployment, and deletes a namespace with all in it', async () => {
    await kubectl('create', 'namespace', 'short');
    await kubectl('-n', 'short', 'create', 'deployment', 'web', '--image=web', '--replicas=2');
    const pods = async (): Promise<number> => (await kubectl('-n', 'short', 'get', 'pods', '-o', 'name')).split('\n').filter(Boolean).length; // biome-ignore format: one thought
    await waitFor('two pods', async () => (await pods()) === 2);
    await kubectl('delete', 'namespace', 'short', '--timeout=30s');
    assert.equal(await pods(), 0);
  });

  test('gives other users only what they are granted', async () => {
    const kubeconfig = await controlPlane.kubeconfigFor('jane', ['devs']);
    const asJane = (...args: string[]): Promise<string> => kubectl(`--kubeconfig=${kubeconfig}`, ...args);
    await assert.rejects(asJane('get', 'secrets'), /User "jane" cannot list resource "secrets"/);
    await kubectl('create', 'clusterrolebinding', 'devs', '--clusterrole=view', '--group=devs');
    await waitFor('the grant', () => asJane('get', 'pods').then(() => true, () => false)); // biome-ignore format: one thought
    await assert.rejects(asJane('get', 'secrets'), /cannot list resource "secrets"/);
  });

  test('keeps its objects when the API server restarts, and when etcd does', async () => {
    await kubectl('create', 'configmap', 'kept', '--from-literal=a=1');
    for (const daemon of [controlPlane.apiServer, controlPlane.etcd]) {
      await daemon.restart();
      await controlPlane.ready();
      assert.equal(await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'), '1');
    }
  });

  test('writes down who wrote what, not what was written', async () => {
    await kubectl('create', 'secret', 'generic', 'audited', '--from-literal=password=planted-value');
    const log = (): Promise<string> => readFile(join(directory, 'audit.log'), 'utf8');
    await waitFor('the entry', async () => (await log()).includes('"name":"audited"'));
    const entries = (await log())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const entry = entries.find(({ objectRef }) => objectRef?.resource === 'secrets' && objectRef.name === 'audited');
    assert.equal(entry.verb, 'create');
    assert.match(entry.userAgent, /^kubectl\//);
    assert.doesNotMatch(await log(), /planted-value/);
  });
});

test('two control planes run side by side, without controllers too, and end without a trace', async () => {
  const directories = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'control-plane-'))));
  const both = await Promise.all(directories.map((directory) => startControlPlane({ directory, controllers: false })));
  assert.notEqual(both[0]?.url, both[1]?.url);
  await both[0]?.kubectl(['run', 'lonely', '--image=none']); // admitted although nobody makes service accounts
  assert.equal(await both[1]?.kubectl(['get', 'pods', '-o', 'name']), '');
  await Promise.all(both.map((controlPlane) => controlPlane.stop()));
  for (const directory of directories) {
    assert.deepEqual(await processesNaming(directory), []);
    await rm(directory, { recursive: true });
  }
});
