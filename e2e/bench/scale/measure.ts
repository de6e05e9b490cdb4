/** Everything that is measured at one size, in the order in which it happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { configSecretName, LABEL_INSTANCE, LABEL_ROLE, POOLERS } from '../../../operator/api/names.ts';
import type { ConnectionPooler } from '../../../operator/api/types.ts';
import type { KubeObject } from '../../../operator/kube/objects.ts';
import { create, mergePatch, remove } from '../../../operator/kube/operations.ts';
import { SECRETS, SERVICES } from '../../../operator/kube/resources.ts';
import type { OperatorProcess } from '../../../operator/testing/operator-process.ts';
import { isEvent, isRead } from '../../cluster/audit.ts';
import { note } from '../../demo/output.ts';
import { type Pattern, patternOf, writeLike } from './bare-client.ts';
import { callsOf, countByKind, doneAt, isWrite } from './calls.ts';
import { nameOf, namespaceOf, pooler, SECRET } from './poolers.ts';
import { createWorld, eachOf, type World } from './world.ts';

/** What the image holds. */
const BUNDLE = 'dist/operator/operator.js';
const CREATORS = 16;
const SERVICES_DELETED = 50;

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

export interface SizeResult {
  readonly poolers: number;
  readonly rssMiB: {
    readonly idle: number;
    readonly peak: number;
    readonly settled: number;
    readonly afterRestartPeak: number;
  };
  readonly bulk: {
    readonly deploymentsSeconds: number;
    readonly readySeconds: number;
    readonly cpuSeconds: number;
    readonly writes: number;
    readonly reads: number;
    readonly events: number;
    readonly calls: Readonly<Record<string, number>>;
  };
  readonly rest: {
    readonly seconds: number;
    readonly writes: number;
    readonly reads: number;
    readonly cpuPercent: number;
  };
  readonly createMs: Percentiles;
  readonly scaleMs: Percentiles;
  readonly settingMs: Percentiles;
  readonly settingProvedMs: Percentiles;
  readonly writesFor: { readonly create: number; readonly scale: number; readonly setting: number };
  readonly hanging: { readonly createMs: Percentiles; readonly settingMs: Percentiles };
  readonly servicesBackSeconds: number;
  readonly sharedSecret: {
    readonly metadataWrites: number;
    readonly contentChanged: number;
    readonly provedSeconds: number;
  };
  readonly restart: {
    readonly lastCallSeconds: number;
    readonly writes: number;
    readonly reads: number;
    readonly cpuSeconds: number;
    readonly calls: Readonly<Record<string, number>>;
  };
}

export interface MeasureOptions {
  /** Samples of each latency. */
  readonly samples: number;
  readonly settleSeconds: number;
  readonly restSeconds: number;
  readonly nodeFlags: readonly string[];
  /** For everything that is written to disk. */
  readonly directory: string;
}

export async function measure(
  count: number,
  options: MeasureOptions,
): Promise<{ readonly result: SizeResult; readonly pattern: Pattern }> {
  const world = await createWorld(options.directory, 'first-password');
  let operator: OperatorProcess | undefined;
  try {
    operator = await world.startOperator({ program: BUNDLE, nodeFlags: options.nodeFlags });
    await sleep(5_000);
    const idle = (await operator.memory()).now;
    note(`${count}: the operator idles at ${idle.toFixed(0)} MiB`);

    const bulk = await createAll(world, operator, count);
    note(
      `${count}: every Deployment after ${bulk.deploymentsSeconds.toFixed(1)} s, all Ready after ${bulk.readySeconds.toFixed(1)} s`,
    );
    await sleep(options.settleSeconds * 1000);
    const { now: settled, peak } = await operator.memory();
    const rest = await atRest(world, operator, options.restSeconds);
    const pattern = await patternOf(world.client, namespaceOf(0), nameOf(0));

    const created = await latencies(options.samples, (sample) => oneCreate(world, count + sample));
    const createWrites = await writesFor(
      world,
      () => oneCreate(world, count + options.samples),
      nameOf(count + options.samples),
    );
    // Never the first, which will hang; of one pooler, another one that was created alone.
    const victim = (sample: number): number => 1 + ((sample * 7) % Math.max(1, count - 1));
    const scaled = await latencies(options.samples, (sample) => oneScale(world, victim(sample)));
    await settles(world);
    const scaleWrites = await writesFor(world, () => oneScale(world, victim(0)), nameOf(victim(0)));
    const settings = await latencies(options.samples, (sample) => oneSetting(world, victim(sample), 200 + sample));
    await settles(world);
    const settingWrites = await writesFor(world, () => oneSetting(world, victim(1), 333), nameOf(victim(1)));
    const proved = await latencies(Math.min(options.samples, 20), (sample) =>
      oneProof(world, victim(sample), 400 + sample),
    );
    note(
      `${count}: one create ${show(created)}, scale ${show(scaled)}, setting ${show(settings)}, proved ${show(proved)}`,
    );

    world.hang(nameOf(0));
    await oneSettingWithoutWaiting(world, 0, 555);
    await sleep(1_000);
    const hangingCreate = await latencies(options.samples, (sample) =>
      oneCreate(world, count + options.samples + 1 + sample),
    );
    const hangingSetting = await latencies(options.samples, (sample) =>
      oneSetting(world, victim(sample), 600 + sample),
    );
    world.hang(undefined);
    await settles(world);
    note(`${count}: beside one that hangs: create ${show(hangingCreate)}, setting ${show(hangingSetting)}`);

    const servicesBackSeconds = await deleteServices(world, Math.min(count, SERVICES_DELETED));
    await settles(world, REST_SECONDS);
    const sharedSecret = await changeSharedSecret(world);
    await settles(world, REST_SECONDS);

    await operator.stop();
    const restartedAt = Date.now();
    operator = await world.startOperator({ program: BUNDLE, nodeFlags: options.nodeFlags });
    await sleep(Math.max(20_000, count * 10));
    const calls = await callsOf(world, restartedAt);
    const restart = {
      lastCallSeconds: ((calls.map(doneAt).at(-1) ?? restartedAt) - restartedAt) / 1000,
      writes: calls.filter(isWrite).length,
      reads: calls.filter(isRead).length,
      cpuSeconds: await operator.cpuSeconds(),
      calls: countByKind(calls),
    };
    const afterRestartPeak = (await operator.memory()).peak;
    note(
      `${count}: a restart: last call after ${restart.lastCallSeconds.toFixed(1)} s, ${restart.writes} writes, ${restart.reads} reads`,
    );
    return {
      pattern,
      result: {
        poolers: count,
        rssMiB: { idle, peak, settled, afterRestartPeak },
        bulk,
        rest,
        createMs: created,
        scaleMs: scaled,
        settingMs: settings,
        settingProvedMs: proved,
        writesFor: { create: createWrites, scale: scaleWrites, setting: settingWrites },
        hanging: { createMs: hangingCreate, settingMs: hangingSetting },
        servicesBackSeconds,
        sharedSecret,
        restart,
      },
    };
  } finally {
    await operator?.stop();
    await world.stop();
  }
}

export interface BareClient {
  /** Until every Deployment exists. */
  readonly seconds: number;
  /** Of this process: it writes what the operator writes, creates the poolers, and watches four of their kinds. */
  readonly cpuSeconds: number;
  /** One more pooler, seen in a watch, → its Deployment exists. */
  readonly createMs: Percentiles;
}

/** The same objects, written by a client that knows what to write. */
export async function measureBareClient(
  count: number,
  { directory, samples, settleSeconds }: MeasureOptions,
  pattern: Pattern,
): Promise<BareClient> {
  const world = await createWorld(directory, 'first-password');
  try {
    // The API server learns a kind's schema at the first apply, which takes it a second.
    const first = await create<KubeObject>(world.client, POOLERS, pooler(count), namespaceOf(count));
    await writeLike(world.client, pattern, first);
    const started = performance.now();
    const before = process.cpuUsage();
    const creating = eachOf(indexes(count), CREATORS, (index) =>
      create(world.client, POOLERS, pooler(index), namespaceOf(index)),
    );
    const written = new Set<string>();
    const waiting: KubeObject[] = [];
    world.poolers.onChange(({ old, new: current }) => {
      const isFirst = current?.metadata.uid === first.metadata.uid;
      if (old === undefined && current !== undefined && !isFirst) waiting.push(current);
    });
    const writer = async (): Promise<void> => {
      while (written.size < count) {
        const next = waiting.shift();
        if (next === undefined) await sleep(2);
        else {
          written.add(next.metadata.uid ?? '');
          await writeLike(world.client, pattern, next);
        }
      }
    };
    await Promise.all([creating, ...Array.from({ length: 32 }, writer)]);
    const limit = 120_000 + count * 300;
    const done = await world.until('the Deployments', started, () => world.deployments.list().length > count, limit);
    const { user, system } = process.cpuUsage(before);
    await sleep(settleSeconds * 1000);
    const createMs = await latencies(samples, async (sample) => {
      const index = count + 1 + sample;
      const since = performance.now();
      const seen = world.until('the pooler', since, () => world.poolers.get(keyOf(index)) !== undefined);
      const [stored] = await Promise.all([
        create<KubeObject>(world.client, POOLERS, pooler(index), namespaceOf(index)),
        seen,
      ]);
      const exists = world.until('the Deployment', since, () => world.deployments.get(keyOf(index)) !== undefined);
      await writeLike(world.client, pattern, stored);
      return exists;
    });
    return { seconds: done / 1000, cpuSeconds: (user + system) / 1e6, createMs };
  } finally {
    await world.stop();
  }
}

const indexes = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const keyOf = (index: number): string => `${namespaceOf(index)}/${nameOf(index)}`;
const show = ({ p50, p95 }: Percentiles): string => `${p50.toFixed(0)}/${p95.toFixed(0)} ms`;

/** @param from the number of the first, when some are there already */
export async function createAll(
  world: World,
  operator: OperatorProcess,
  count: number,
  from = 0,
): Promise<SizeResult['bulk']> {
  const since = Date.now();
  const started = performance.now();
  const before = await operator.cpuSeconds();
  const limit = 120_000 + count * 300;
  const all = from + count;
  const deployments = world.until('the Deployments', started, () => world.deployments.list().length >= all, limit);
  await eachOf(indexes(count), CREATORS, (index) =>
    create(world.client, POOLERS, pooler(from + index), namespaceOf(from + index)),
  );
  const deploymentsSeconds = (await deployments) / 1000;
  const telling = setInterval(() => tellWhoWaits(world), WAITING_MS);
  const readySeconds =
    (await world
      .until('all Ready', started, () => readyCount(world) >= all, limit)
      .finally(() => clearInterval(telling))) / 1000;
  const cpuSeconds = (await operator.cpuSeconds()) - before;
  const calls = await callsOf(world, since);
  return {
    deploymentsSeconds,
    readySeconds,
    cpuSeconds,
    writes: calls.filter(isWrite).length,
    reads: calls.filter(isRead).length,
    events: calls.filter(isEvent).length,
    calls: countByKind(calls),
  };
}

const readyOf = ({ status }: ConnectionPooler): { readonly status: string; readonly message: string } | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready');
const isReady = (pooler: ConnectionPooler): boolean => readyOf(pooler)?.status === 'True';
const readyCount = (world: World): number => world.poolers.list().filter(isReady).length;

/** Most are Ready a moment after their Deployment: who is not, has a reason. */
const WAITING_MS = 30_000;
function tellWhoWaits(world: World): void {
  const [first, ...others] = world.poolers.list().filter((pooler) => !isReady(pooler));
  if (first === undefined) return;
  note(
    `not Ready: ${first.metadata.namespace}/${first.metadata.name} (${readyOf(first)?.message}) and ${others.length} more`,
  );
}

async function atRest(world: World, operator: OperatorProcess, seconds: number): Promise<SizeResult['rest']> {
  const since = Date.now();
  const before = await operator.cpuSeconds();
  await sleep(seconds * 1000);
  const calls = await callsOf(world, since);
  return {
    seconds,
    writes: calls.filter((call) => !isRead(call)).length,
    reads: calls.filter(isRead).length,
    cpuPercent: (((await operator.cpuSeconds()) - before) / seconds) * 100,
  };
}

async function latencies(samples: number, one: (sample: number) => Promise<number>): Promise<Percentiles> {
  const values: number[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    values.push(await one(sample));
    await sleep(150);
  }
  values.sort((a, b) => a - b);
  const at = (share: number): number => values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
  return { p50: at(0.5), p95: at(0.95) };
}

/** Create → its Deployment exists. */
export async function oneCreate(world: World, index: number): Promise<number> {
  const started = performance.now();
  const exists = world.until('the Deployment', started, () => world.deployments.get(keyOf(index)) !== undefined);
  await create(world.client, POOLERS, pooler(index), namespaceOf(index));
  return exists;
}

const patchSpec = (world: World, index: number, spec: object): Promise<KubeObject> =>
  mergePatch<KubeObject>(world.client, POOLERS, namespaceOf(index), nameOf(index), { spec });

/** Replicas changed → the Deployment's are. */
export async function oneScale(world: World, index: number): Promise<number> {
  const wanted = world.deployments.get(keyOf(index))?.spec?.replicas === 2 ? 3 : 2;
  const started = performance.now();
  const scaled = world.until(
    'the replicas',
    started,
    () => world.deployments.get(keyOf(index))?.spec?.replicas === wanted,
  );
  await patchSpec(world, index, { replicas: wanted });
  return scaled;
}

const configOf = (world: World, index: number): KubeObject | undefined =>
  world.secrets
    .list()
    .find(
      ({ metadata: { name, namespace, labels } }) =>
        namespace === namespaceOf(index) &&
        labels?.[LABEL_INSTANCE] === nameOf(index) &&
        labels[LABEL_ROLE] === 'config' &&
        name.startsWith(configSecretName(nameOf(index), '')),
    );

const settingOf = (value: number) => ({ parameters: { server_idle_timeout: value } });

/** A parameter changed → it is in the Secret that the pods read. */
export async function oneSetting(world: World, index: number, value: number): Promise<number> {
  const config = configOf(world, index);
  const key = `${config?.metadata.namespace}/${config?.metadata.name}`;
  const started = performance.now();
  const written = world.until(
    'the Secret',
    started,
    () => world.secrets.get(key)?.metadata.resourceVersion !== config?.metadata.resourceVersion,
  );
  const { metadata } = await patchSpec(world, index, settingOf(value));
  const milliseconds = await written;
  // A change that is under way would make the next one wait.
  await world.until('the proof', started, () => isProved(world, index, metadata.generation));
  return milliseconds;
}

const oneSettingWithoutWaiting = (world: World, index: number, value: number): Promise<unknown> =>
  patchSpec(world, index, settingOf(value));

/** A parameter changed → ConfigSynced at that generation. */
async function oneProof(world: World, index: number, value: number): Promise<number> {
  const started = performance.now();
  const { metadata } = await patchSpec(world, index, settingOf(value));
  return world.until('the proof', started, () => isProved(world, index, metadata.generation));
}

function isProved(world: World, index: number, generation = 0): boolean {
  const object = world.poolers.get(keyOf(index));
  return (
    object?.status?.conditions?.some(
      ({ type, status, observedGeneration }) =>
        type === 'ConfigSynced' && status === 'True' && (observedGeneration ?? 0) >= generation,
    ) ?? false
  );
}

/** Pods' annotations go back to rest when changes have paused for 15 s. */
export const REST_SECONDS = 18;

/** Until nobody has written anything for so long. */
async function settles(world: World, seconds = 3): Promise<void> {
  for (let quiet = 0; quiet < seconds; ) {
    const calls = await callsOf(world, Date.now() - 1_000);
    quiet = calls.length === 0 ? quiet + 1 : 0;
    await sleep(1_000);
  }
}

/** The operator's writes that concern one pooler, events aside. */
async function writesFor(world: World, work: () => Promise<unknown>, name: string): Promise<number> {
  const since = Date.now();
  await work();
  await settles(world);
  const calls = await callsOf(world, since);
  const own = calls.filter((call) => isWrite(call) && call.objectRef?.name?.startsWith(name));
  note(`writes: ${JSON.stringify(countByKind(own))}`);
  return own.length;
}

export async function deleteServices(world: World, count: number): Promise<number> {
  const victims = world.services.list().slice(0, count);
  const before = new Set(victims.map(({ metadata }) => metadata.uid));
  const started = performance.now();
  const back = world.until('the Services', started, () =>
    victims.every(({ metadata: { namespace, name } }) => {
      const now = world.services.get(`${namespace}/${name}`);
      return now !== undefined && !before.has(now.metadata.uid);
    }),
  );
  await eachOf(victims, CREATORS, ({ metadata }) => remove(world.client, SERVICES, metadata.namespace, metadata.name));
  return (await back) / 1000;
}

/** One password Secret is every tenth pooler's. */
async function changeSharedSecret(world: World): Promise<SizeResult['sharedSecret']> {
  const namespace = namespaceOf(0);
  const since = Date.now();
  await mergePatch(world.client, SECRETS, namespace, SECRET, { metadata: { annotations: { touched: 'yes' } } });
  await mergePatch(world.client, SECRETS, namespace, SECRET, { stringData: { unused: 'y' } });
  await settles(world);
  const metadataWrites = (await callsOf(world, since)).filter(isWrite).length;
  const concerned = world.poolers.list().filter(({ metadata }) => metadata.namespace === namespace);
  const before = new Map(concerned.map(({ metadata, status }) => [metadata.name, status?.config?.revision]));
  const started = performance.now();
  await mergePatch(world.client, SECRETS, namespace, SECRET, { stringData: { password: 'second-password' } });
  const changed = (): number =>
    concerned.filter(({ metadata: { name } }) => {
      const revision = world.poolers.get(`${namespace}/${name}`)?.status?.config?.revision;
      return revision !== undefined && revision !== before.get(name);
    }).length;
  const milliseconds = await world.until('the new password', started, () => changed() === concerned.length, 300_000);
  return { metadataWrites, contentChanged: changed(), provedSeconds: milliseconds / 1000 };
}
