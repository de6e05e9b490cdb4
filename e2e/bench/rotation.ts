/**
 * Everything that is replaced while clients work, on 3 and on 10 replicas: a setting, one that PgBouncer refuses, the
 * served certificate, a password. Each is timed until every replica was proved to run it, or what it ran before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Changes, openChanges, type Seen } from '../demo/change.ts';
import type { ClientsResult } from '../demo/clients.ts';
import { installLoadPrograms, startJob } from '../demo/jobs.ts';
import { summarise } from '../demo/latency.ts';
import { PASSWORD } from '../demo/manifests.ts';
import { table } from '../demo/output.ts';
import type { Target } from '../demo/target.ts';
import { createAuthority, serviceNames } from '../promises/harness/certificates.ts';
import { secret } from '../promises/harness/secret.ts';
import { type BenchOptions, NAMESPACE } from './installation.ts';

const ROUNDS = 10;
const REPLICAS = [3, 10];
/** An image whose version the pooler is told wrongly, and a setting that only the believed one knows. */
interface Subject {
  readonly image: string;
  readonly believed: string;
  readonly unknown: Readonly<Record<string, number>>;
}
const SUBJECTS: readonly Subject[] = [
  { image: '1.26.1', believed: '1.24.1', unknown: { suspend_timeout: 11 } },
  { image: '1.24.1', believed: '1.25.0', unknown: { transaction_timeout: 30 } },
];
/** Between two changes, so that the kubelet has done with the last one. */
const PAUSE_MS = 3_000;
const CLIENTS = { CLIENTS: 20, INTERVAL_MS: 200, RAMP_SECONDS: 1 } as const;
const ROUND_SECONDS = 22;

type Kind = 'setting' | 'refused' | 'certificate' | 'password';
const KINDS: Readonly<Record<Kind, string>> = {
  setting: 'setting → proved on all',
  refused: 'refused setting → restored on all',
  certificate: 'certificate in its Secret → served by all',
  password: 'password in its Secret → accepted by all',
};

export async function benchRotation(target: Target, { rounds = ROUNDS }: BenchOptions): Promise<object> {
  await installLoadPrograms(target, NAMESPACE);
  const results: object[] = [];
  for (const subject of SUBJECTS)
    for (const replicas of REPLICAS) results.push(await measure(target, subject, replicas, rounds));
  return { bench: 'rotation', rounds, results };
}

async function measure(target: Target, subject: Subject, replicas: number, rounds: number): Promise<object> {
  const kubectl = (...args: readonly string[]): Promise<string> => target.kubectl(['-n', NAMESPACE, ...args]);
  const apply = (object: object): Promise<string> =>
    target.kubectl(['-n', NAMESPACE, 'apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify(object),
    });
  await using authority = await createAuthority('poolkeeper-bench-ca');
  const certificates: object[] = [];
  // A directory gives one certificate for each name: the Secret is always the same one.
  for (const name of ['first', 'second']) {
    const made = await authority.secret(name, { commonName: 'app', hosts: serviceNames('app', NAMESPACE) });
    certificates.push({ ...made, metadata: { name: 'app-tls' } });
  }
  const password = (text: string): object => secret('app-db', { password: text });
  await apply(certificates[0] ?? {});
  await apply(password(PASSWORD));
  await apply(poolerOf(subject, replicas));
  // Not Ready: what it is told of its version is not so.
  await kubectl('wait', '--for=condition=ConfigSynced', 'cpool/app', '--timeout=180s');
  await kubectl('rollout', 'status', '-l', 'app.kubernetes.io/instance=app', 'deployment', '--timeout=180s');
  const job = await startJob(
    target,
    NAMESPACE,
    {
      name: 'rotation',
      program: 'clients',
      env: {
        ...{ PGHOST: 'app', PGPORT: 6432, PGDATABASE: 'app', APPLICATION_NAME: 'rotation' },
        ...CLIENTS,
        SECONDS: rounds * ROUND_SECONDS,
      },
    },
    () => undefined,
  );
  await kubectl('wait', '--for=condition=Ready', 'pod', '-l', 'job-name=rotation', '--timeout=60s');
  let current = PASSWORD;
  const changeRole = async (next: string): Promise<void> => {
    const sql = `ALTER ROLE app PASSWORD '${next}'`;
    const psql = ['env', `PGPASSWORD=${current}`, 'psql', '-q', '-h', '127.0.0.1', '-U', 'app', '-c', sql];
    await kubectl('exec', 'deployment/postgres', '--', ...psql);
    current = next;
  };
  const times: Record<Kind, number[]> = { setting: [], refused: [], certificate: [], password: [] };
  {
    await using changes = await openChanges(target, NAMESPACE, 'app');
    const anotherRevision = (act: () => Promise<unknown>): ReturnType<Changes['timeUntil']> => {
      let before: Seen | undefined;
      return changes.timeUntil(
        async (last) => {
          before = last;
          await act();
        },
        ({ synced, revision }) => synced > 0 && revision !== before?.revision,
      );
    };
    for (let round = 1; round <= rounds; round += 1) {
      const rotated = round % 2 === 0 ? PASSWORD : `${PASSWORD}-${round}`;
      const acts: Readonly<Record<Kind, () => ReturnType<Changes['timeUntil']>>> = {
        setting: () => changes.time({ defaults: { poolSize: 4 + (round % 2) } }),
        refused: () => refused(target, changes, subject),
        certificate: () => anotherRevision(() => apply(certificates[round % 2] ?? {})),
        password: async () => {
          await changeRole(rotated);
          return anotherRevision(() => apply(password(rotated)));
        },
      };
      for (const kind of ['setting', 'refused', 'certificate', 'password'] as const) {
        await sleep(PAUSE_MS);
        times[kind].push((await acts[kind]()).milliseconds);
        if (kind === 'refused') await changes.time({ parameters: null });
      }
    }
  }
  const { queries, failed, reconnected, refused: notLetIn } = await job.result<ClientsResult>();
  // As the next ones begin.
  await changeRole(PASSWORD);
  table([
    [`PgBouncer ${subject.image}, ${replicas} replicas`, 'median', 'p95', 'worst'],
    ...Object.entries(KINDS).map(([kind, title]) => {
      const { p50, p95, max } = summarise(times[kind as Kind]);
      return [title, ...[p50, p95, max].map((value) => `${Math.round(value)} ms`)];
    }),
    ['queries meanwhile', queries, '', ''],
    ['  failed / found their connection closed / not let in', `${failed} / ${reconnected} / ${notLetIn}`, '', ''],
  ]);
  await kubectl('delete', 'cpool', 'app', '--wait=true');
  await kubectl('wait', '--for=delete', 'pod', '-l', 'app.kubernetes.io/instance=app', '--timeout=180s');
  const summaries = Object.entries(times).map(([kind, values]) => [kind, summarise(values)]);
  return { version: subject.image, replicas, ...Object.fromEntries(summaries), queries, failed, reconnected, notLetIn };
}

/** From kubectl's return until the operator says that it was refused and that all runs as before. */
function refused(target: Target, changes: Changes, { unknown }: Subject): ReturnType<Changes['timeUntil']> {
  const patch = JSON.stringify({ spec: { parameters: unknown } });
  let generation = Number.POSITIVE_INFINITY;
  return changes.timeUntil(
    async () => {
      const args = ['patch', 'cpool', 'app', '--type=merge', '-p', patch, '-o', 'jsonpath={.metadata.generation}'];
      generation = Number(await target.kubectl(['-n', NAMESPACE, ...args]));
    },
    ({ reason, observed }) => reason === 'Refused' && observed >= generation,
  );
}

const poolerOf = ({ image, believed }: Subject, replicas: number): object => ({
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name: 'app' },
  spec: {
    image: `ghcr.io/poolkeeper/pgbouncer:${image}`,
    version: believed,
    replicas,
    backends: [{ host: 'postgres' }],
    databases: [{ name: 'app' }],
    defaults: { poolSize: 4 },
    users: [{ name: 'app', passwordSecretRef: { name: 'app-db', key: 'password' } }],
    tls: { client: { mode: 'allow', secretRef: { name: 'app-tls' } } },
  },
});
