/**
 * The operator's own metrics, under the names that Go operators use, so that dashboards for them work here; and the
 * pools' metrics, made at each scrape from the last look at the consoles.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ConnectionPooler } from '../api/types.ts';
import type { PoolerObservation } from '../controllers/observer.ts';
import { POOL_METRICS } from './pool-metrics.ts';

const TARGET = ['namespace', 'pooler', 'pod'] as const;
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const CONTROLLER = 'connectionpooler';
/** The queue is called like its controller, as in controller-runtime. */
const QUEUE = { name: CONTROLLER, controller: CONTROLLER } as const;

export interface RestCall {
  readonly verb: string;
  readonly code: string;
  readonly seconds: number;
}

export interface Reconciled {
  readonly result: 'success' | 'error' | 'requeue_after';
  readonly seconds: number;
  /** It was told to end because it took too long. */
  readonly timedOut: boolean;
}

/** What is being worked right now. */
export interface Working {
  readonly maxConcurrent: number;
  /** How long each reconcile under way has been, in seconds. */
  readonly inProgressSeconds: () => readonly number[];
}

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(version: string) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Gauges that end in _total, which promtool refuses; the same numbers by type stay.
  for (const name of ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'])
    registry.removeSingleMetric(name);
  const registers = [registry];

  const build = new Gauge({
    name: 'poolkeeper_build_info',
    help: 'The version of the operator',
    labelNames: ['version'],
    registers,
  });
  build.set({ version }, 1);
  const restCalls = new Counter({
    name: 'rest_client_requests_total',
    help: 'Calls to the Kubernetes API',
    labelNames: ['code', 'method'],
    registers,
  });
  const restSeconds = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Duration of calls to the Kubernetes API',
    labelNames: ['verb'],
    buckets: SECONDS,
    registers,
  });
  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciles by result',
    labelNames: ['controller', 'result'],
    registers,
  });
  const reconcileErrors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Reconciles that failed',
    labelNames: ['controller'],
    registers,
  });
  const reconcileTimeouts = new Counter({
    name: 'controller_runtime_reconcile_timeouts_total',
    help: 'Reconciles that were told to end because they took too long',
    labelNames: ['controller'],
    registers,
  });
  const reconcileSeconds = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Duration of reconciles',
    labelNames: ['controller'],
    buckets: SECONDS,
    registers,
  });
  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Keys that wait',
    labelNames: ['name', 'controller'],
    registers,
  });
  const adds = new Counter({
    name: 'workqueue_adds_total',
    help: 'Keys added',
    labelNames: ['name', 'controller'],
    registers,
  });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys added again after a failure',
    labelNames: ['name', 'controller'],
    registers,
  });
  const queueSeconds = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long keys waited',
    labelNames: ['name', 'controller'],
    buckets: SECONDS,
    registers,
  });
  const workSeconds = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long keys were worked',
    labelNames: ['name', 'controller'],
    buckets: SECONDS,
    registers,
  });
  const controller = CONTROLLER;
  const queueLabels = QUEUE;
  for (const result of ['success', 'error', 'requeue_after']) reconciles.inc({ controller, result }, 0);
  reconcileErrors.inc({ controller }, 0);
  reconcileTimeouts.inc({ controller }, 0);
  depth.set(queueLabels, 0);
  adds.inc(queueLabels, 0);
  retries.inc(queueLabels, 0);

  return {
    registry,
    restCall: ({ verb, code, seconds }: RestCall): void => {
      restCalls.inc({ code, method: verb });
      restSeconds.observe({ verb }, seconds);
    },
    reconcile: ({ result, seconds, timedOut }: Reconciled): void => {
      reconciles.inc({ controller, result });
      if (result === 'error') reconcileErrors.inc({ controller });
      if (timedOut) reconcileTimeouts.inc({ controller });
      reconcileSeconds.observe({ controller }, seconds);
    },
    queue: {
      depth: (length: number): void => depth.set(queueLabels, length),
      added: (): void => adds.inc(queueLabels),
      retried: (): void => retries.inc(queueLabels),
      waited: (seconds: number): void => queueSeconds.observe(queueLabels, seconds),
      worked: (seconds: number): void => workSeconds.observe(queueLabels, seconds),
    },
    exposeWork: (working: Working): void => exposeWork(registry, working),
    exposeLeadership: (isLeader: () => boolean): void => {
      new Gauge({
        name: 'leader_election_master_status',
        help: '1 in the process that leads',
        labelNames: ['name'],
        registers,
        collect() {
          this.set({ name: 'poolkeeper' }, Number(isLeader()));
        },
      });
    },
    exposeStaleness: (read: () => readonly { readonly kind: string; readonly seconds: number }[]): void => {
      new Gauge({
        name: 'poolkeeper_cache_stale_seconds',
        help: 'How old the cache of a kind may be: since the server last gave a sign of life on its watch',
        labelNames: ['kind'],
        registers,
        collect() {
          for (const { kind, seconds } of read()) this.set({ kind }, seconds);
        },
      });
    },
    exposePools: (
      poolers: () => readonly ConnectionPooler[],
      latest: (key: string) => PoolerObservation | undefined,
    ): void => exposePools(registry, poolers, latest),
  };
}

function exposeWork(registry: Registry, { maxConcurrent, inProgressSeconds }: Working): void {
  const registers = [registry];
  const byController = { labelNames: ['controller'], registers } as const;
  const byQueue = { labelNames: ['name', 'controller'], registers } as const;
  new Gauge({
    ...byController,
    name: 'controller_runtime_max_concurrent_reconciles',
    help: 'Reconciles that may be at work at one time; those that wait for a console or a webhook are not counted',
  }).set({ controller: CONTROLLER }, maxConcurrent);
  new Gauge({
    ...byController,
    name: 'controller_runtime_active_workers',
    help: 'Reconciles under way, those included that wait for somebody, or were given up and still hang',
    collect() {
      this.set({ controller: CONTROLLER }, inProgressSeconds().length);
    },
  });
  new Gauge({
    ...byQueue,
    name: 'workqueue_unfinished_work_seconds',
    help: 'How long all reconciles under way have been, added up: what grows for ever hangs',
    collect() {
      this.set(
        QUEUE,
        inProgressSeconds().reduce((total, seconds) => total + seconds, 0),
      );
    },
  });
  new Gauge({
    ...byQueue,
    name: 'workqueue_longest_running_processor_seconds',
    help: 'How long the oldest reconcile under way has been',
    collect() {
      this.set(QUEUE, Math.max(0, ...inProgressSeconds()));
    },
  });
}

function exposePools(
  registry: Registry,
  poolers: () => readonly ConnectionPooler[],
  latest: (key: string) => PoolerObservation | undefined,
): void {
  const registers = [registry];
  const observed = function* () {
    for (const { metadata } of poolers()) {
      const observation = latest(`${metadata.namespace}/${metadata.name}`);
      if (observation !== undefined)
        yield { target: { namespace: metadata.namespace ?? '', pooler: metadata.name }, observation };
    }
  };
  for (const metric of POOL_METRICS) {
    const options = { name: metric.name, help: metric.help, labelNames: [...TARGET, ...metric.labels], registers };
    const values = function* () {
      for (const { target, observation } of observed()) {
        for (const reading of observation.readings) {
          for (const { labels, value } of metric.read(reading))
            yield { labels: { ...target, pod: reading.pod, ...labels }, value };
        }
      }
    };
    if (metric.type === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          this.reset();
          for (const { labels, value } of values()) this.set(labels, value);
        },
      });
    } else {
      new Counter({
        ...options,
        collect() {
          this.reset();
          for (const { labels, value } of values()) this.inc(labels, value);
        },
      });
    }
  }
  new Gauge({
    name: 'pgbouncer_up',
    help: '1 when the console answered the last time it was asked',
    labelNames: TARGET,
    registers,
    collect() {
      this.reset();
      for (const { target, observation } of observed()) {
        for (const { pod } of observation.readings) this.set({ ...target, pod }, 1);
        for (const { pod } of observation.silent) this.set({ ...target, pod }, 0);
      }
    },
  });
  new Gauge({
    name: 'poolkeeper_certificate_expiration_timestamp_seconds',
    help: 'When a certificate in use ends, in seconds since 1970',
    labelNames: ['namespace', 'pooler', 'field', 'secret'],
    registers,
    collect() {
      this.reset();
      for (const { metadata, status } of poolers()) {
        for (const { field = '', secret = '', notAfter = '' } of status?.certificates ?? []) {
          const labels = { namespace: metadata.namespace ?? '', pooler: metadata.name, field, secret };
          this.set(labels, Date.parse(notAfter) / 1000);
        }
      }
    },
  });
  new Gauge({
    name: 'poolkeeper_condition',
    help: 'Conditions of poolers: 1 True, 0 False, -1 Unknown',
    labelNames: ['namespace', 'pooler', 'type'],
    registers,
    collect() {
      this.reset();
      for (const { metadata, status } of poolers()) {
        for (const condition of status?.conditions ?? []) {
          const value = condition.status === 'True' ? 1 : condition.status === 'False' ? 0 : -1;
          this.set({ namespace: metadata.namespace ?? '', pooler: metadata.name, type: condition.type }, value);
        }
      }
    },
  });
}
