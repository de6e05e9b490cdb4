// A whole cluster of its own, beside the one that the other tests share: this one is killed and taken apart.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exists } from './exists.ts';
import { clusterName } from './paths.ts';
import { waitFor } from './processes.ts';
import { type RunOptions, run } from './run.ts';
import { processesNaming } from './testing/processes-naming.ts';

const image = 'localhost/postgres:18';

/** A database as a namespace with restricted pod security accepts it. */
const database = {
  metadata: { name: 'db', labels: { app: 'db' } },
  spec: {
    securityContext: { runAsNonRoot: true, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'postgres',
        image,
        args: ['-c', 'max_connections=17'],
        env: [
          { name: 'POSTGRES_PASSWORD', value: 'planted' },
          { name: 'POSTGRES_DB', value: 'app' },
        ],
        readinessProbe: { exec: { command: ['pg_isready', '-h', '127.0.0.1'] }, periodSeconds: 1 },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'data', mountPath: '/var/lib/postgresql/data' },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ],
  },
};

describe('the embedded cluster', () => {
  let state: string;
  before(async () => {
    state = await mkdtemp('/var/tmp/poolkeeper-test-');
    process.env['POOLKEEPER_STATE'] = state; // for this process and its children
  });
  after(async () => {
    await cluster(['down']);
    await rm(state, { recursive: true, force: true });
  });

  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const cluster = (args: readonly string[], options: RunOptions = {}): Promise<string> =>
    run(process.execPath, [main, ...args], options);
  const kubectl = (...args: string[]): Promise<string> => cluster(['kubectl', ...args]);
  const psql = (sql: string): Promise<string> =>
    kubectl('-n', 'apps', 'exec', 'db', '--', 'env', 'PGPASSWORD=planted', 'psql', '-h', 'db.apps.svc', '-U', 'postgres', '-Atc', sql, 'app'); // biome-ignore format: one command
  const pidsOf = async (...names: readonly string[]): Promise<readonly number[]> => {
    const status = await cluster(['status']);
    return names.map((name) => Number(new RegExp(`^${name} .*process (\\d+)$`, 'm').exec(status)?.[1]));
  };

  for (const milliseconds of [1500, 4000]) {
    test(`a start that is killed after ${milliseconds} ms does no harm to the next`, async () => {
      const start = spawn(process.execPath, [main, 'up', image], { stdio: 'ignore' });
      const ended = once(start, 'close');
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      start.kill('SIGKILL');
      await ended;
    });
  }

  test('comes up after that, and is found running the second time', async () => {
    await cluster(['up', image]);
    const pids = await pidsOf('kube-apiserver', 'kubelet');
    await cluster(['up', image]);
    assert.deepEqual(await pidsOf('kube-apiserver', 'kubelet'), pids);
  });

  test('runs pods under restricted pod security, which find each other by name and through Services', async () => {
    await kubectl('create', 'namespace', 'apps');
    await kubectl('label', 'namespace', 'apps', 'pod-security.kubernetes.io/enforce=restricted');
    await cluster(['kubectl', '-n', 'apps', 'apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...database }),
    });
    await kubectl('-n', 'apps', 'expose', 'pod', 'db', '--port=5432');
    await kubectl('-n', 'apps', 'wait', '--for=condition=Ready', 'pod/db', '--timeout=60s');
    // A Service answers a moment after its pods are ready: kube-proxy collects changes.
    await waitFor('the Service', () => psql('SELECT 1').then(() => true, () => false), { everyMs: 300 }); // biome-ignore format: one thought
    assert.equal(await psql('SHOW max_connections'), '17');
    assert.match(await psql('SHOW server_version'), /^18\./);
    assert.match(await kubectl('-n', 'apps', 'logs', 'db'), /database system is ready to accept connections/);
  });

  test('passes exit codes and standard input through', async () => {
    await assert.rejects(kubectl('-n', 'apps', 'exec', 'db', '--', 'sh', '-c', 'exit 7'), { code: 7 });
    const echoed = await cluster(['kubectl', '-n', 'apps', 'exec', '-i', 'db', '--', 'cat'], { input: 'through\n' });
    assert.equal(echoed, 'through');
  });

  test('answers at once for names that only the world outside knows', async () => {
    // getent ends with 2 for an unknown name; `timeout`, when the lookup hangs, with 124.
    const lookup = ['timeout', '4', 'getent', 'hosts', 'nowhere.example'];
    await assert.rejects(kubectl('-n', 'apps', 'exec', 'db', '--', ...lookup), { code: 2 });
  });

  test('has no device that leads out of its namespace', async () => {
    const devices = JSON.parse(await cluster(['exec', 'ip', '-json', 'link', 'show']));
    const names = devices.map(({ ifname }: { ifname: string }) => ifname.replace(/^veth.*/, 'veth (of a pod)'));
    assert.deepEqual([...new Set(names)].sort(), ['lo', 'node0', 'node0-a', 'node0-b', 'pods0', 'veth (of a pod)']);
  });

  test('is repaired by the next up when parts of it have died, its pods untouched', async () => {
    const started = await psql('SELECT pg_postmaster_start_time()');
    for (const pid of await pidsOf('kubelet', 'containerd', 'kube-apiserver', 'etcd')) process.kill(pid, 'SIGKILL');
    await assert.rejects(cluster(['status']), { code: 1 });
    await cluster(['up', image]);
    await cluster(['status']);
    // While the kubelet was away the pod counted as not ready, and the Service left it out.
    await waitFor('the Service', () => psql('SELECT 1').then(() => true, () => false), { everyMs: 300 }); // biome-ignore format: one thought
    assert.equal(await psql('SELECT pg_postmaster_start_time()'), started);
  });

  test('is gone after down: no process, mount, network namespace, control group or file is left', async () => {
    const pids = await pidsOf('etcd', 'kube-apiserver', 'namespaces', 'containerd', 'kubelet');
    await cluster(['down']);
    for (const pid of pids) assert.equal(await exists(`/proc/${pid}/root/etc`), false, `process ${pid}`);
    assert.doesNotMatch(await readFile('/proc/self/mounts', 'utf8'), new RegExp(state));
    const namespaces = await readdir('/run/netns').catch(() => []);
    assert.deepEqual(
      namespaces.filter((entry) => entry.startsWith(clusterName())),
      [],
    );
    assert.deepEqual(await processesNaming(`${state}/`), []);
    assert.equal(await run('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', `${clusterName()}-*`]), '');
    assert.equal(await exists(state), false);
    await cluster(['down']); // and once more, with nothing there
  });
});
