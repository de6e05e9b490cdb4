/** The operator's own settings: command line flags, each with a default that suits a cluster-wide installation. */
import { parseArgs } from 'node:util';
import { parseDuration } from './pgbouncer/duration.ts';
import type { TemplateMode } from './plan/template-merge.ts';

export interface Settings {
  /** Empty: all namespaces. */
  readonly namespaces: readonly string[];
  readonly defaultImage: string;
  readonly workers: number;
  readonly observeIntervalMs: number;
  readonly maxConcurrentChanges: number;
  readonly templateMode: TemplateMode;
  /** The last part of the names of Services, for the names in certificates. */
  readonly clusterDomain: string;
  readonly leaderElect: boolean;
  readonly leaseNamespace: string;
  /** How long others wait for a leader that says nothing. */
  readonly leaseMs: number;
  readonly identity: string;
  /** Without a host: all addresses, of both families where the node has them. */
  readonly listen: { readonly host?: string; readonly port: number };
  readonly logLevel: string;
  /** A context of the kubeconfig; undefined inside a cluster. */
  readonly context: string | undefined;
}

export const DEFAULT_IMAGE = 'ghcr.io/poolkeeper/pgbouncer:1.26.1';

const OPTIONS = {
  namespaces: { type: 'string', default: '' },
  'default-image': { type: 'string', default: DEFAULT_IMAGE },
  workers: { type: 'string', default: '64' },
  'observe-interval': { type: 'string', default: '15s' },
  'max-concurrent-changes': { type: 'string', default: '10' },
  'pod-template': { type: 'string', default: 'restricted' },
  'cluster-domain': { type: 'string', default: 'cluster.local' },
  'leader-elect': { type: 'string', default: 'true' },
  'lease-namespace': { type: 'string' },
  'lease-duration': { type: 'string', default: '10s' },
  listen: { type: 'string', default: ':8080' },
  'log-level': { type: 'string', default: 'info' },
  context: { type: 'string' },
} as const;

/** Seconds. In less, a machine or network that falters once would cost the leadership. */
const SHORTEST_LEASE = 5;

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** @throws Error that names the flag, the value and what would be right */
export function readSettings(args: readonly string[], env: NodeJS.ProcessEnv): Settings {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true });
  const observeInterval = parseDuration(values['observe-interval']);
  if (observeInterval === undefined || observeInterval < 1)
    throw wrong('observe-interval', values['observe-interval'], 'write a duration such as 15s');
  const leaseDuration = parseDuration(values['lease-duration']);
  if (leaseDuration === undefined || leaseDuration < SHORTEST_LEASE)
    throw wrong(
      'lease-duration',
      values['lease-duration'],
      `write a duration of at least ${SHORTEST_LEASE}s, such as 10s`,
    );
  const listen = /^\[?(.*?)\]?:(\d+)$/.exec(values.listen);
  if (!listen || Number(listen[2]) > 65_535) throw wrong('listen', values.listen, 'write [host]:port');
  return {
    namespaces: values.namespaces
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    defaultImage: values['default-image'],
    workers: positive('workers', values.workers),
    observeIntervalMs: observeInterval * 1000,
    maxConcurrentChanges: positive('max-concurrent-changes', values['max-concurrent-changes']),
    templateMode: oneOf('pod-template', values['pod-template'], ['restricted', 'full']),
    clusterDomain: domain('cluster-domain', values['cluster-domain']),
    leaderElect: oneOf('leader-elect', values['leader-elect'], ['true', 'false']) === 'true',
    leaseNamespace: values['lease-namespace'] ?? env['POD_NAMESPACE'] ?? 'poolkeeper-system',
    leaseMs: leaseDuration * 1000,
    identity: env['POD_NAME'] ?? `${env['HOSTNAME'] ?? 'operator'}-${process.pid}`,
    listen: { ...(listen[1] ? { host: listen[1] } : {}), port: Number(listen[2]) },
    logLevel: oneOf('log-level', values['log-level'], LEVELS),
    context: values.context,
  };
}

function positive(flag: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw wrong(flag, value, 'give a whole number of at least 1');
  return number;
}

function domain(flag: string, value: string): string {
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(value)) throw wrong(flag, value, 'write a domain such as cluster.local');
  return value;
}

function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw wrong(flag, value, `use one of: ${allowed.join(', ')}`);
  return found;
}

const wrong = (flag: string, value: string, remedy: string): Error =>
  new Error(`--${flag}: is not valid (${JSON.stringify(value)}); ${remedy}`);
