/**
 * How long the fleet is without a leader, whatever happens to the one it had: real operator processes before a real API
 * server, which says in its audit log when the lease changed hands, and whether anybody wrote without it. Needs no cluster.
 */
import { type Away, WAYS } from '../chaos/away.ts';
import { type Arena, type Contest, type ContestOptions, openArena } from '../chaos/candidates.ts';
import { crash, delay, endInGoodOrder, type Handover, loseTheApi, stall } from '../chaos/leadership.ts';
import { note, table } from '../demo/output.ts';

export interface ChaosOptions {
  /** How often each is done; default 5. */
  readonly rounds: number | undefined;
}

interface Trial {
  readonly name: string;
  readonly title: string;
  readonly run: (arena: Arena, namespace: string) => Promise<Handover>;
}

const HOUR_MS = 3_600_000;

const AWAY: Readonly<Record<Away, string>> = {
  killed: 'API server killed',
  frozen: 'API server frozen',
  etcd: 'etcd frozen',
};

const trials: readonly Trial[] = [
  {
    name: 'end',
    title: 'told to end (SIGTERM)',
    run: (arena, namespace) => contested(arena, namespace, {}, endInGoodOrder),
  },
  { name: 'kill', title: 'killed (SIGKILL)', run: (arena, namespace) => contested(arena, namespace, {}, crash) },
  {
    name: 'skew',
    title: 'killed, others an hour ahead and behind',
    run: (arena, namespace) => contested(arena, namespace, { size: 3, skewMs: [0, HOUR_MS, -HOUR_MS] }, crash),
  },
  {
    name: 'stall',
    title: 'stood still (SIGSTOP), woke up later',
    run: (arena, namespace) => contested(arena, namespace, {}, stall),
  },
  {
    name: 'delay',
    title: 'its requests took longer than its lease',
    run: async (arena, namespace) => {
      const line = await arena.slowLine();
      try {
        return await contested(arena, namespace, { line }, (contest) => delay(contest, line));
      } finally {
        await line.stop();
      }
    },
  },
  ...WAYS.map((how) => ({
    name: how,
    title: `${AWAY[how]} for 17 s, from its return on`,
    run: (arena: Arena, namespace: string) =>
      contested(arena, namespace, {}, (contest) => fromReturn(contest, arena, how)),
  })),
];

export async function benchChaos({ rounds = 5 }: ChaosOptions): Promise<object> {
  const namespaceOf = (name: string, round: number): string => `${name}-${round + 1}`;
  const numbers = [...Array(rounds).keys()];
  const arena = await openArena(trials.flatMap(({ name }) => numbers.map((round) => namespaceOf(name, round))));
  const results: { readonly title: string; readonly handovers: readonly Handover[] }[] = [];
  try {
    for (const { name, title, run } of trials) {
      const handovers: Handover[] = [];
      for (const round of numbers) {
        const handover = await run(arena, namespaceOf(name, round));
        handovers.push(handover);
        note(`${title}: ${(handover.takeoverMs / 1000).toFixed(2)} s, the former leader ended with ${handover.ended}`);
      }
      results.push({ title, handovers });
    }
  } finally {
    await arena.stop();
  }
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  table([
    ['the leader was', 'rounds', 'lease taken: median', 'longest', 'first write: median', 'writes without the lease'],
    ...results.map(({ title, handovers }) => [
      title,
      rounds,
      seconds(median(handovers.map(({ takeoverMs }) => takeoverMs))),
      seconds(Math.max(...handovers.map(({ takeoverMs }) => takeoverMs))),
      seconds(median(handovers.map(({ firstWriteMs }) => firstWriteMs))),
      handovers.reduce((sum, { intrusions }) => sum + intrusions.length, 0),
    ]),
  ]);
  return { bench: 'chaos', rounds, results };
}

async function contested(
  arena: Arena,
  namespace: string,
  options: ContestOptions,
  disturb: (contest: Contest) => Promise<Handover>,
): Promise<Handover> {
  const contest = await arena.contest(namespace, options);
  try {
    return await disturb(contest);
  } finally {
    await contest.stop();
  }
}

/** Counts from when the API server was let go or started again, not from when it went away. */
async function fromReturn(contest: Contest, { controlPlane }: Arena, how: Away): Promise<Handover> {
  const handover = await loseTheApi(contest, controlPlane, how);
  const away = handover.takeoverMs - handover.backToLeaderMs;
  return { ...handover, takeoverMs: handover.backToLeaderMs, firstWriteMs: handover.firstWriteMs - away };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
