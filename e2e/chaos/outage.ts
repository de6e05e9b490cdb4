/**
 * The API server is away for a while, under a fleet of real PgBouncers with clients: what clients, operators and the API
 * server notice of it, in numbers. Test and bench run the same, for seconds or for minutes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AuditEvent, describeCall, isLease, isWatch, isWrite } from '../cluster/audit.ts';
import { waitFor } from '../cluster/processes.ts';
import { type Away, takeAway } from './away.ts';
import { allReady, type Fleet, NAMESPACE, openFleet, REPLICAS } from './fleet.ts';
import { intrusionsOf } from './intrusions.ts';
import type { OperatorPod } from './operator-pod.ts';
import { PASSWORD } from './pooler-manifest.ts';
import { ask, type Said } from './probes.ts';
import { startTraffic } from './traffic.ts';

export interface Calls {
  readonly lists: number;
  readonly watches: number;
  readonly gets: number;
  readonly leases: number;
  /** In words: there should be none. */
  readonly writes: readonly string[];
}

export interface OutageReport {
  readonly how: Away;
  readonly seconds: number;
  readonly poolers: number;
  readonly pods: number;
  readonly clients: { readonly asked: number; readonly askedMeanwhile: number; readonly failures: readonly string[] };
  /** RELOADs that the PgBouncers logged from before the outage until long after it. */
  readonly reloads: number;
  readonly podsReplaced: number;
  /** Objects that were written, removed or made, the poolers' own status aside. */
  readonly objectsChanged: readonly string[];
  readonly statusChanged: readonly string[];
  /** Both operators started with the API server in good health: their calls until all was quiet. */
  readonly freshStart: Calls;
  /** In the first 10 s after the return. */
  readonly onReturn: Calls;
  readonly untilQuiet: Calls;
  /** From the return until a process led, ms. */
  readonly leaderAfterMs: number;
  /** Until both had a cache that was up to date again, of every kind, ms. */
  readonly caughtUpAfterMs: number;
  readonly operators: readonly {
    readonly identity: string;
    readonly restarts: number;
    readonly ended: readonly (number | string)[];
    readonly during: readonly Said[];
    readonly after: Said;
  }[];
  readonly intrusions: number;
  /** From a changed specification until every pooler was Ready with it, ms. */
  readonly changeAfterwardsMs: number;
  /** What that took: each PgBouncer at least one. */
  readonly reloadsForChange: number;
}

const COUNTED_MS = 10_000;
const SAMPLE_MS = 2_000;

export interface OutageOptions {
  readonly directory: string;
  readonly poolers: number;
  readonly seconds: number;
  readonly how: Away;
  readonly leaseSeconds: number;
  /** It asks nothing of the API server; the shorter, the sooner all has been looked at. */
  readonly observeSeconds: number;
}

export async function sufferOutage(options: OutageOptions, log: (message: string) => void): Promise<OutageReport> {
  const { poolers: size, seconds, how } = options;
  const args = [`--observe-interval=${options.observeSeconds}s`, `--lease-duration=${options.leaseSeconds}s`];
  // Longer than the interval at which consoles are looked at.
  const quietMs = (options.observeSeconds + 3) * 1_000;
  const fleet = await openFleet(options.directory, size);
  const { controlPlane, node } = fleet;
  const readiness = (): Promise<boolean> =>
    fleet.poolers().then(
      (list) => allReady(list, size),
      () => false,
    );

  let pods = await fleet.startOperators(args);
  await waitFor(`${size} poolers to be ready`, readiness, { timeoutMs: 300_000, everyMs: 500 });
  const processes = node.processes();
  const addresses = [...processes.values()].map(({ address }) => address);
  const traffic = startTraffic(addresses, PASSWORD);
  await waitFor('every client to be served', () => traffic.asked() > addresses.length);
  await fleet.quiet(quietMs);
  log(`${size} poolers are ready; the operators are started again, to compare with`);
  await Promise.all(pods.map((pod) => pod.terminate()));
  const startedAt = Date.now();
  pods = await fleet.startOperators(args);
  await leader(pods);
  await fleet.quiet(quietMs);
  const freshStart = callsOf(await fleet.events(), startedAt, Date.now());

  const before = await snapshot(fleet);
  const reloadsBefore = reloadsOf(fleet);
  const during = pods.map((): Said[] => []);

  log(`the API server is away (${how}) for ${seconds} s`);
  const askedBefore = traffic.asked();
  const bringBack = await takeAway(controlPlane, how);
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(Math.min(SAMPLE_MS, end - Date.now())))
    for (const [index, pod] of pods.entries()) during[index]?.push(await ask(pod.current().port));
  const askedMeanwhile = traffic.asked() - askedBefore;
  const returningAt = Date.now();
  await bringBack();
  await controlPlane.ready();
  const backAt = Date.now();

  log('it is back');
  await leader(pods);
  const leaderAfterMs = Date.now() - backAt;
  const sinceBack = (): number => (Date.now() - backAt) / 1000;
  await waitFor('every cache to be up to date', async () => {
    const said = await Promise.all(pods.map((pod) => ask(pod.current().port)));
    return said.every(({ readyz, staleSeconds }) => readyz === 200 && staleSeconds < sinceBack());
  });
  const caughtUpAfterMs = Date.now() - backAt;
  // The stand-in has its own pauses; a change must not wait for them.
  await waitFor('the stand-in for kubelets to be back', () => node.staleSeconds() < sinceBack());
  await sleep(Math.max(0, backAt + COUNTED_MS - Date.now()));
  await fleet.quiet(quietMs);
  const events = await fleet.events();
  const after = await snapshot(fleet);
  const reloads = reloadsOf(fleet) - reloadsBefore;
  const replaced = [...processes.entries()].filter(([key, { pid }]) => node.processes().get(key)?.pid !== pid);

  log('a change, to see that all is well');
  const changedAt = Date.now();
  await Promise.all(
    fleet.names.map((name) =>
      controlPlane.kubectl([
        '-n',
        NAMESPACE,
        'patch',
        'cpool',
        name,
        '--type=merge',
        '-p',
        JSON.stringify({ spec: { maxClientConnections: 321 } }),
      ]),
    ),
  );
  await waitFor('the change to be proved everywhere', readiness, { timeoutMs: 120_000 });
  const changeAfterwardsMs = Date.now() - changedAt;
  const reloadsForChange = reloadsOf(fleet) - reloadsBefore - reloads;
  await traffic.stop();
  const operators = await Promise.all(
    pods.map(async (pod, index) => ({
      identity: pod.identity,
      restarts: pod.processes.length - 1,
      ended: await Promise.all(pod.processes.slice(0, -1).map(({ ended }) => ended)),
      during: during[index] ?? [],
      after: await ask(pod.current().port),
    })),
  );
  return {
    how,
    seconds,
    poolers: size,
    pods: size * REPLICAS,
    clients: { asked: traffic.asked(), askedMeanwhile, failures: traffic.failures },
    reloads,
    podsReplaced: replaced.length,
    objectsChanged: differences(before.objects, after.objects),
    statusChanged: differences(before.status, after.status),
    freshStart,
    onReturn: callsOf(events, returningAt, backAt + COUNTED_MS),
    untilQuiet: callsOf(events, returningAt, Number.POSITIVE_INFINITY),
    leaderAfterMs,
    caughtUpAfterMs,
    operators,
    intrusions: intrusionsOf(events).length,
    changeAfterwardsMs,
    reloadsForChange,
  };
}

/** Resolves when one of them leads, by its own account. */
const leader = (pods: readonly OperatorPod[]): Promise<void> =>
  waitFor('an operator to lead', async () => {
    const said = await Promise.all(pods.map((pod) => ask(pod.current().port)));
    return said.some(({ leads }) => leads);
  });

const reloadsOf = ({ node }: Fleet): number =>
  [...node.processes().values()].reduce((sum, process) => sum + process.reloads(), 0);

function callsOf(events: readonly AuditEvent[], fromMs: number, untilMs: number): Calls {
  const within = events.filter(({ requestReceivedTimestamp }) => {
    const at = Date.parse(requestReceivedTimestamp);
    return at >= fromMs && at < untilMs;
  });
  const other = within.filter((event) => !isLease(event));
  return {
    lists: other.filter(({ verb }) => verb === 'list').length,
    watches: other.filter(isWatch).length,
    gets: other.filter(({ verb }) => verb === 'get').length,
    leases: within.length - other.length,
    writes: other.filter(isWrite).map(describeCall),
  };
}

interface Snapshot {
  /** `Kind name` → uid and version. */
  readonly objects: ReadonlyMap<string, string>;
  /** Of each pooler: its conditions, with the times at which they changed. */
  readonly status: ReadonlyMap<string, string>;
}

async function snapshot({ controlPlane, poolers }: Fleet): Promise<Snapshot> {
  const kinds = 'pods,secrets,deployments,services,serviceaccounts,poddisruptionbudgets';
  const text = await controlPlane.kubectl(['-n', NAMESPACE, 'get', kinds, '-o', 'json']);
  const { items } = JSON.parse(text) as {
    readonly items: readonly {
      readonly kind: string;
      readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
    }[];
  };
  return {
    objects: new Map(
      items.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, `${metadata.uid}/${metadata.resourceVersion}`]),
    ),
    status: new Map(
      (await poolers()).map(({ metadata, status }) => [metadata.name, JSON.stringify(status?.conditions)]),
    ),
  };
}

const differences = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key));
