/** A pooler that is as it should be, for tests to disturb: three proved replicas, one backend, one quiet pool. */
import type { BackendView, FleetView, PoolSummary } from '../../plan/fleet.ts';
import type { PodView } from '../../plan/pods.ts';
import type { Finding, Situation } from '../situation.ts';

export const TEMPLATE = 'template1';

export const podOf = (name: string, fields: Partial<PodView> = {}): PodView => ({
  name,
  uid: `uid-of-${name}`,
  address: '10.0.0.1',
  template: TEMPLATE,
  entry: undefined,
  running: true,
  ready: true,
  terminating: false,
  ended: false,
  process: name,
  restarts: 0,
  waiting: undefined,
  ...fields,
});

export const poolOf = (fields: Partial<PoolSummary> = {}): PoolSummary => ({
  database: 'app',
  user: 'app',
  mode: 'transaction',
  clientsActive: 10,
  clientsWaiting: 0,
  serversActive: 2,
  serversIdle: 3,
  poolSize: 15,
  utilization: 13,
  maxWaitSeconds: 0,
  worst: { pod: 'a', utilization: 20 },
  ...fields,
});

export const backendOf = (fields: Partial<BackendView> = {}): BackendView => ({
  name: 'primary',
  servers: 0,
  fallbacks: [],
  serversAtMost: 0,
  clientsWaiting: 0,
  maxWaitSeconds: 0,
  ...fields,
});

export const fleetOf = (fields: Partial<FleetView> = {}): FleetView => ({
  pools: [poolOf()],
  poolsOmitted: 0,
  clientsWaiting: 0,
  backends: [backendOf({ servers: 5, serversAtMost: 5 })],
  version: '1.26.1',
  ...fields,
});

type Disturbance = Partial<Omit<Situation, 'config' | 'faults'>> & {
  readonly config?: Partial<Situation['config']>;
  readonly faults?: Partial<Situation['faults']>;
};

export function situationOf({ config, faults, ...fields }: Disturbance = {}): Situation {
  const pods = fields.pods ?? ['a', 'b', 'c'].map((name) => podOf(name));
  return {
    generation: 7,
    suspended: false,
    wantedReplicas: 3,
    faults: { spec: [], budget: [], credentials: [], ...faults },
    credentialWarnings: [],
    tls: undefined,
    issuing: undefined,
    now: Date.UTC(2026, 0, 1),
    collisions: [],
    denied: undefined,
    podsDenied: undefined,
    silent: [],
    overrides: [],
    config: {
      desired: 'rev2',
      pointer: 'rev2',
      failed: undefined,
      restartRequired: [],
      restart: { mode: 'Automatic', incurable: false },
      draining: [],
      retrying: undefined,
      ...config,
    },
    template: TEMPLATE,
    pods,
    proved: new Map(pods.map(({ name }) => [name, 'rev2'])),
    waitsForShares: false,
    budget: [],
    versionMismatch: undefined,
    image: { image: 'pgbouncer:1.26.1', version: { major: 1, minor: 26, patch: 1 }, newerDefault: undefined },
    fleet: fleetOf(),
    ...fields,
  };
}

export const FAULT = { path: 'spec.x', value: 1, problem: 'is wrong', remedy: 'correct it' } as const;

/** `True Ready`: what tables of expectations say of a finding. */
export const inShort = ({ status, reason }: Finding): string => `${status} ${reason}`;
