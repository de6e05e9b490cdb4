/**
 * The composition root: settings → API client → caches → observer and controller → servers → signals. Nothing else
 * wires anything to anything.
 */
import { POOLERS } from './api/names.ts';
import { createAdminCredentialStore } from './controllers/admin-credentials.ts';
import { connect, createCaches, everyCache, followCertificates } from './controllers/caches.ts';
import { learnCredentials, verifyConfigs, verifyConnections } from './controllers/first-look.ts';
import { createMemoryStore } from './controllers/memory.ts';
import { createObserver } from './controllers/observer.ts';
import { createPace } from './controllers/pace.ts';
import { createPatience } from './controllers/patience.ts';
import { explainServers } from './controllers/pod-log.ts';
import { createPoolerReconcile } from './controllers/pooler.ts';
import { createStatusWriter } from './controllers/status-writer.ts';
import { apiAccess } from './kube/access.ts';
import { createKubeClient } from './kube/client.ts';
import { createEventRecorder } from './kube/events.ts';
import { createLeaderElector } from './kube/lease.ts';
import { fenced } from './kube/lease-fence.ts';
import { keyOf } from './kube/objects.ts';
import { podLogs } from './kube/operations.ts';
import { CONTAINER } from './plan/pod-template.ts';
import { systemClock } from './runtime/clock.ts';
import { drain } from './runtime/drain.ts';
import { createQueue } from './runtime/queue.ts';
import { runWorkers } from './runtime/workers.ts';
import { readSettings } from './settings.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { serve } from './telemetry/server.ts';
import { OPERATOR_VERSION } from './version.ts';

/** What a stop may take, within the 30 s that the chart gives it: finishing, ending what is late, the last events. */
const STOP = { finishMs: 15_000, endMs: 3_000, eventsMs: 3_000 } as const;

/** They come through the API server from kubelets, which may hang. */
const LOGS_AT_ONCE = 4;

/** For so long the first of a swarm of consequences waits for the others. */
const CONSEQUENCES_MS = 50;

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  const log = createLogger(settings.logLevel);
  const warn = (message: string, details: object): void => log.warn(details, message);
  const metrics = createMetrics(OPERATOR_VERSION);
  const clock = systemClock;
  const ending = new AbortController();
  // From the start: the first process of a container that does not listen is killed only after its whole grace.
  const stopping = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });

  const client = createKubeClient(await apiAccess({ context: settings.context }, process.env), {
    userAgent: `poolkeeper/${OPERATOR_VERSION}`,
    observe: metrics.restCall,
  });
  const caches = createCaches(client, { namespaces: settings.namespaces, log: warn });
  const credentials = createAdminCredentialStore(
    client,
    (namespace, name) => caches.secrets.get(`${namespace}/${name}`)?.metadata.resourceVersion,
  );
  const elector = createLeaderElector(client, {
    namespace: settings.leaseNamespace,
    name: 'poolkeeper',
    identity: settings.identity,
    enabled: settings.leaderElect,
    leaseMs: settings.leaseMs,
    clock,
    log: warn,
  });
  const writing = fenced(client, elector);
  const events = createEventRecorder(writing, {
    controller: 'poolkeeper.dev/operator',
    instance: settings.identity,
    clock,
    log: warn,
  });
  const readingLogs = createPace(LOGS_AT_ONCE);
  const observer = createObserver({
    caches,
    credentials,
    clock,
    intervalMs: settings.observeIntervalMs,
    log: warn,
    trouble: async (pooler, pod, sinceMs, signal) =>
      explainServers(
        await readingLogs(
          () =>
            podLogs(client, pooler.metadata.namespace ?? 'default', pod.name, {
              container: CONTAINER,
              sinceSeconds: Math.ceil((clock.now() - sinceMs) / 1000) + 1,
              limitBytes: 64 * 1024,
              signal,
            }),
          signal,
        ),
      ),
  });
  const queue = createQueue({ clock, metrics: metrics.queue });
  connect(caches, (key, occasion) => {
    if (occasion === 'consequence') queue.addAfter(key, CONSEQUENCES_MS);
    else queue.add(key, { priority: occasion === 'wish' ? 'high' : 'low' });
  });
  observer.onNews((key) => {
    if (elector.isLeader()) queue.add(key, { priority: 'low' });
  });
  metrics.exposePools(
    () => caches.poolers.list(),
    (key) => observer.latest(key),
  );
  metrics.exposeStaleness(() =>
    everyCache(caches).map((cache) => ({ kind: cache.resource.kind, seconds: cache.staleSeconds() })),
  );
  metrics.exposeLeadership(() => elector.isLeader());
  metrics.exposeWork({ maxConcurrent: settings.workers, inProgressSeconds: () => queue.inProgressSeconds() });

  const memories = createMemoryStore();
  const reconcile = createPoolerReconcile({
    client: writing,
    caches,
    credentials,
    memories,
    observer,
    status: createStatusWriter({
      client: writing,
      clock,
      events,
      observed: (object) => caches.poolers.observed(object),
      current: (pooler) => caches.poolers.get(keyOf(pooler)),
    }),
    events,
    clock,
    settings,
    log: (message, details) => log.info(details, message),
    paced: createPace(settings.maxConcurrentChanges),
    patience: createPatience(Math.ceil(Math.min(settings.workers, settings.maxConcurrentChanges) / 2)),
  });

  const server = await serve(settings.listen, metrics.registry, {
    healthy: () => elector.watchdog(),
    ready: () => {
      const waiting = everyCache(caches).filter((cache) => !cache.hasSynced());
      return waiting.length === 0
        ? undefined
        : `waiting for ${waiting.map((cache) => cache.resource.plural).join(', ')}`;
    },
  });
  followCertificates(caches, ending.signal);
  for (const cache of everyCache(caches)) cache.start(ending.signal);
  log.info(
    {
      version: OPERATOR_VERSION,
      namespaces: settings.namespaces,
      identity: settings.identity,
      watching: POOLERS.plural,
    },
    'poolkeeper starts',
  );
  const look = { client, caches, credentials, namespaces: settings.namespaces, log: warn };
  const fill = async (): Promise<true> => {
    await Promise.all(everyCache(caches).map((cache) => cache.synced()));
    await learnCredentials(look);
    observer.start(ending.signal);
    log.info({ poolers: caches.poolers.list().length }, 'caches are filled');
    return true;
  };
  let done = true;
  const led = (await Promise.race([fill(), stopping.then(() => false)])) && (await elector.waitForLeadership(stopping));
  if (led) {
    log.info({ identity: settings.identity }, 'this process leads');
    // At once, whatever is under way: another process may act any moment, and every step may be the last.
    elector.lost().then((reason) => {
      log.error({ reason }, 'poolkeeper does not lead any more, and ends');
      process.exit(1);
    });
    await Promise.race([Promise.all([verifyConfigs(look, memories), verifyConnections(look, memories)]), stopping]);
    // What was seen before leading is looked at once more: nobody else may have.
    for (const pooler of caches.poolers.list()) queue.add(keyOf(pooler), { priority: 'low' });
    const late = new AbortController();
    const workers = runWorkers({
      queue,
      concurrency: settings.workers,
      reconcile,
      log: warn,
      observe: metrics.reconcile,
      signal: AbortSignal.any([elector.signal, late.signal]),
    });
    log.info({ reason: await stopping }, 'poolkeeper stops');
    queue.shutDown();
    const tell = (): void => late.abort(new Error('the operator stops, and this took too long'));
    done = await drain(workers, { clock, ...STOP, tell });
  }
  ending.abort();
  await Promise.race([events.flush(), clock.sleep(STOP.eventsMs)]);
  // Whoever leads next must not meet what still hangs here: then the lease runs out, after this process is gone.
  if (done) await elector.release();
  else log.warn({}, 'a reconcile hangs and is left behind; the lease is not given back');
  server.close();
  client.close();
  log.info({}, 'poolkeeper ended');
  process.exit(0);
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', time: new Date().toISOString(), msg: error instanceof Error ? error.message : String(error) })}\n`,
  );
  process.exit(1);
});
