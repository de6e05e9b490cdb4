/**
 * What the operator's caches cost: heap for each object of each kind, beside the bytes of its JSON, and what the first
 * list costs at its peak. The objects are real ones, made by the operator and the controllers of a control plane without
 * nodes, and served 5000 times over. Needs no cluster.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type SeenRequest, sendJson, startProtocolServer } from '../../operator/kube/testing/protocol-server.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/processes.ts';
import { note, table } from '../demo/output.ts';
import type { Filled } from './cache-memory.ts';

const NAME = 'bench-pooler';
const NAMESPACE = 'bench-cache';
const OPERATOR = fileURLToPath(new URL('../../operator/main.ts', import.meta.url));
const MEMORY = fileURLToPath(new URL('./cache-memory.ts', import.meta.url));
const CRDS = fileURLToPath(new URL('../../crds', import.meta.url));

/** The kinds that are cached in numbers, by the operator's name for the cache. */
const KINDS = {
  poolers: 'connectionpoolers',
  pods: 'pods',
  deployments: 'deployments',
  services: 'services',
  secrets: 'secrets',
} as const;
type Cache = keyof typeof KINDS;
type Samples = Readonly<Record<Cache, string>>;

export async function benchCache(count = 5_000): Promise<object> {
  note('making one pooler with its children on a control plane of its own');
  const samples = await realObjects();
  await using server = await startProtocolServer((request, response) => {
    const cache = cacheOf(request);
    if (cache === undefined) return sendJson(response, 404, {});
    if (request.query.get('watch') === null) return sendJson(response, 200, page(request, samples[cache], count));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (request.query.get('sendInitialEvents') === null) return;
    let next = 0;
    const more = (): void => {
      while (next < count) {
        const object = sized(request, copy(samples[cache], next));
        next += 1;
        if (!response.write(`{"type":"ADDED","object":${object}}\n`)) return void response.once('drain', more);
      }
      const end = { resourceVersion: String(count), annotations: { 'k8s.io/initial-events-end': 'true' } };
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata: end } })}\n`);
    };
    more();
  });

  const rows: { readonly cache: Cache; readonly json: number; readonly listed: Filled; readonly streamed: Filled }[] =
    [];
  for (const cache of Object.keys(samples).filter((name): name is Cache => name in KINDS)) {
    note(`filling a cache with ${count} ${KINDS[cache]}`);
    const fill = async (how: 'list' | 'stream'): Promise<Filled> => {
      const args = ['--expose-gc', '--max-semi-space-size=1', MEMORY, server.access.server, cache, how];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      return JSON.parse(stdout) as Filled;
    };
    const json = Buffer.byteLength(samples[cache]);
    rows.push({ cache, json, listed: await fill('list'), streamed: await fill('stream') });
  }
  const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
  table([
    ['', 'JSON, bytes', 'cached, bytes', 'share', `heap of ${count}`, 'peak, paged', 'peak, streamed'],
    ...rows.map(({ cache, json, listed, streamed }) => [
      cache === 'secrets' ? 'Secret metadata' : KINDS[cache],
      json,
      Math.round(listed.heapBytes / listed.objects),
      `${Math.round((100 * listed.heapBytes) / listed.objects / json)} %`,
      `${mib(listed.heapBytes)} MiB`,
      `+${mib(listed.peakBytes)} MiB`,
      `+${mib(streamed.peakBytes)} MiB`,
    ]),
  ]);
  note('peak: the most resident memory while the cache was filled, above what the process had before');
  return { bench: 'cache', count, rows };
}

const cacheOf = ({ path }: SeenRequest): Cache | undefined =>
  Object.keys(KINDS).find((name): name is Cache => name in KINDS && path.endsWith(`/${KINDS[name as Cache]}`));

/** A page of copies, as the API server cuts and sizes them. */
function page(request: SeenRequest, sample: string, count: number): object {
  const from = Number(request.query.get('continue') ?? 0);
  const limit = Number(request.query.get('limit') ?? count);
  const end = Math.min(from + limit, count);
  const items: unknown[] = [];
  for (let index = from; index < end; index += 1) items.push(JSON.parse(sized(request, copy(sample, index))));
  return { metadata: { resourceVersion: String(count), ...(end < count ? { continue: String(end) } : {}) }, items };
}

/** The whole object, or only its metadata where that is what was asked for. */
const sized = ({ headers }: SeenRequest, object: string): string =>
  headers.accept?.includes('PartialObjectMetadata')
    ? JSON.stringify({ metadata: (JSON.parse(object) as { readonly metadata: unknown }).metadata })
    : object;

/** The same object, of another pooler: every name and id in it is its own. */
const copy = (sample: string, index: number): string => {
  const serial = String(index).padStart(5, '0');
  return sample
    .replaceAll(NAME, `${NAME}-${serial}`)
    .replaceAll(/"resourceVersion":"\d+"/g, `"resourceVersion":"${index + 1}"`)
    .replaceAll(
      /("uid":"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-)[0-9a-f]{7}/g,
      `$1${serial.padStart(7, '0')}`,
    );
};

/** One object of each kind as the API server answers it, with the status that a running one has. */
async function realObjects(): Promise<Samples> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-cache-'));
  const plane = await startControlPlane({ directory });
  try {
    const apply = (object: object): Promise<string> =>
      plane.kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(object));
    await plane.kubectl(['apply', '--server-side', '-f', CRDS]);
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'app-db', namespace: NAMESPACE },
      stringData: { password: 'of-the-bench' },
    });
    await apply(pooler);
    return await operated(plane, async () => {
      const first = async (kind: string, more = ''): Promise<string> => {
        const selector = ['-n', NAMESPACE, '-l', `app.kubernetes.io/instance=${NAME}${more}`];
        const text = await plane.kubectl(['get', kind, ...selector, '--show-managed-fields', '-o', 'json']);
        return JSON.stringify((JSON.parse(text) as { readonly items: readonly unknown[] }).items[0] ?? null);
      };
      await waitFor('the pod of the pooler', async () => (await first('pods')) !== 'null');
      const { metadata } = JSON.parse(await first('pods')) as { readonly metadata: { readonly name: string } };
      const patch = JSON.stringify({ status: runningPod });
      await plane.kubectl(['-n', NAMESPACE, 'patch', 'pod', metadata.name, '--subresource=status', '-p', patch]);
      const written = ['get', 'cpool', NAME, '-n', NAMESPACE, '--show-managed-fields', '-o', 'json'];
      return {
        poolers: JSON.stringify(JSON.parse(await plane.kubectl(written))),
        pods: await first('pods'),
        deployments: await first('deployments'),
        services: await first('services'),
        secrets: await first('secrets', ',poolkeeper.dev/role=config'),
      };
    });
  } finally {
    await plane.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs `work` while an operator runs. */
async function operated<T>(plane: ControlPlane, work: () => Promise<T>): Promise<T> {
  const flags = ['--namespaces', NAMESPACE, '--lease-namespace', NAMESPACE, '--listen', '127.0.0.1:0'];
  const env = { ...process.env, KUBECONFIG: plane.kubeconfig };
  const operator = spawn(process.execPath, [OPERATOR, ...flags], { env, stdio: 'ignore' });
  try {
    return await work();
  } finally {
    operator.kill('SIGKILL');
  }
}

const pooler = {
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name: NAME, namespace: NAMESPACE },
  spec: {
    replicas: 3,
    maxClientConnections: 1000,
    backends: [{ name: 'primary', service: { name: 'postgres' }, serverMaxConnections: 97, connectionBudget: 37 }],
    databases: [
      { name: 'app', dbname: 'app', poolMode: 'transaction', connectionBudget: 25 },
      { name: 'app_batch', dbname: 'app', poolMode: 'session', connectionBudget: 12, maxClientConnections: 100 },
    ],
    users: [{ name: 'app', passwordSecretRef: { name: 'app-db', key: 'password' } }],
  },
};

const since = '2026-01-01T00:00:00Z';
const condition = (type: string) => ({ type, status: 'True', lastProbeTime: null, lastTransitionTime: since });
const container = {
  name: 'pgbouncer',
  ready: true,
  started: true,
  restartCount: 0,
  image: 'ghcr.io/poolkeeper/pgbouncer:1.26.1',
  imageID: `ghcr.io/poolkeeper/pgbouncer@sha256:${'0123456789abcdef'.repeat(4)}`,
  containerID: `containerd://${'0123456789abcdef'.repeat(4)}`,
  state: { running: { startedAt: since } },
};
const runningPod = {
  phase: 'Running',
  hostIP: '10.0.0.1',
  hostIPs: [{ ip: '10.0.0.1' }],
  podIP: '10.1.0.1',
  podIPs: [{ ip: '10.1.0.1' }],
  startTime: since,
  qosClass: 'Burstable',
  conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
  containerStatuses: [container],
};
