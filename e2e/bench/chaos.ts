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

/** What is done to a leader. */
interface Trial {
  readonly name: string;
  readonly title: string;
  readonly options: (arena: Arena) => Promise<ContestOptions>;
  readonly disturb: (contest: Contest, options: ContestOptions) => Promise<Handover>;
}

const HOUR_MS = 3_600_000;
const plain = async (): Promise<ContestOptions> => ({});

/** These concern nobody else, and are done side by side. */
const TRIALS: readonly Trial[] = [
  { name: 'end', title: 'told to end (SIGTERM)', options: plain, disturb: endInGoodOrder },
  { name: 'kill', title: 'killed (SIGKILL)', options: plain, disturb: crash },
  {
    name: 'skew',
    title: 'killed, the others an hour ahead and behind',
    options: async () => ({ size: 3, skewMs: [0, HOUR_MS, -HOUR_MS] }),
    disturb: crash,
  },
  { name: 'stall', title: 'stopped (SIGSTOP), woken up later', options: plain, disturb: stall },
  {
    name: 'delay',
    title: 'behind a line slower than its lease',
    options: async (arena) => ({ line: await arena.slowLine() }),
    disturb: (contest, { line }) => {
      if (line === undefined) throw new Error('there is no line');
      return delay(contest, line).finally(() => line.stop());
    },
  },
];

const AWAY: Readonly<Record<Away, string>> = {
  killed: 'without API server (killed) for 17 s; from its return on',
  frozen: 'without API server (frozen) for 17 s; from its return on',
  etcd: 'without etcd (frozen) for 17 s; from its return on',
};

export async function benchChaos({ rounds = 5 }: ChaosOptions): Promise<object> {
  const titles = new Map<string, string>([
    ...TRIALS.map(({ name, title }) => [name, title] as const),
    ...Object.entries(AWAY),
  ]);
  const results = new Map<string, Handover[]>([...titles.keys()].map((name) => [name, []]));
  const namespaceOf = (name: string, round: number): string => `${name}-${round + 1}`;
  const numbers = [...Array(rounds).keys()];
  const arena = await openArena([...titles.keys()].flatMap((name) => numbers.map((round) => namespaceOf(name, round))));
  const keep = (name: string, handover: Handover): void => {
    results.get(name)?.push(handover);
    note(`${titles.get(name)}: ${seconds(handover.takeoverMs)}, the former leader ended with ${handover.ended}`);
  };
  try {
    for (const round of numbers) {
      const started = await Promise.all(
        TRIALS.map(async (trial) => {
          const options = await trial.options(arena);
          return { trial, options, contest: await arena.contest(namespaceOf(trial.name, round), options) };
        }),
      );
      await Promise.all(
        started.map(async ({ trial, options, contest }) => {
          keep(trial.name, await trial.disturb(contest, options));
          await contest.stop();
        }),
      );
      for (const how of WAYS) {
        const contest = await arena.contest(namespaceOf(how, round));
        keep(how, await fromReturn(contest, arena, how));
        await contest.stop();
      }
    }
  } finally {
    await arena.stop();
  }
  table([
    ['the leader was', 'rounds', 'lease taken: median', 'longest', 'first write: median', 'writes without the lease'],
    ...[...results].map(([name, handovers]) => [
      titles.get(name) ?? name,
      handovers.length,
      seconds(median(handovers.map(({ takeoverMs }) => takeoverMs))),
      seconds(Math.max(...handovers.map(({ takeoverMs }) => takeoverMs))),
      seconds(median(handovers.map(({ firstWriteMs }) => firstWriteMs))),
      handovers.reduce((sum, { intrusions }) => sum + intrusions.length, 0),
    ]),
  ]);
  return { bench: 'chaos', rounds, results: Object.fromEntries(results) };
}

/** Counts from when it was brought back, not from when it went away. */
async function fromReturn(contest: Contest, { controlPlane }: Arena, how: Away): Promise<Handover> {
  const handover = await loseTheApi(contest, controlPlane, how);
  const away = handover.takeoverMs - handover.backToLeaderMs;
  return { ...handover, takeoverMs: handover.backToLeaderMs, firstWriteMs: handover.firstWriteMs - away };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
