/**
 * What is done to operators that compete for a lease, and what the API server saw of it: the same for the test, which
 * asks whether it is right, and for the bench, which asks how long it took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperatorProcess } from '../../operator/testing/operator-process.ts';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/processes.ts';
import { type Away, takeAway } from './away.ts';
import type { Contest } from './candidates.ts';
import { type Intrusion, intrusionsOf, type Term, termsOf } from './intrusions.ts';
import type { SlowLine } from './slow-line.ts';

export interface Handover {
  /** From what was done until the API server had given the lease to another, ms. */
  readonly takeoverMs: number;
  /** Until the first write of the new leader had been received, ms. */
  readonly firstWriteMs: number;
  /** How the former leader ended: exit code or signal. */
  readonly ended: number | string;
  /** What it said was the reason. */
  readonly reason: string | undefined;
  readonly holders: readonly string[];
  readonly intrusions: readonly Intrusion[];
}

/** What an operator says when it does not lead any more. */
const STOPS = /^poolkeeper (stops|does not lead any more)/;

export function leaderOf(contest: Contest): OperatorProcess {
  const [first] = contest.operators;
  if (first === undefined) throw new Error('there is no operator');
  return first;
}

/** Waits until another operator than the first has the lease and has written with it, and looks back. */
async function lookBack(contest: Contest, doneAt: number, release: () => void = () => undefined): Promise<Handover> {
  const leader = leaderOf(contest);
  const since = new Date(doneAt).toISOString();
  let taken: Term | undefined;
  await waitFor('another operator to take the lease', async () => {
    const terms = termsOf(await contest.events());
    taken = terms.find(({ holder, received }) => holder !== '' && holder !== leader.identity && received > since);
    return taken !== undefined;
  });
  const next = contest.operators.find(({ identity }) => identity === taken?.holder);
  if (taken === undefined || next === undefined) throw new Error('an unknown operator leads');
  await contest.writes(next, Date.parse(taken.received));
  release();
  const ended = await leader.ended;
  // What the former leader may still have sent is on the record when the new one has written once more.
  await contest.writes(next, Date.now());
  const events = await contest.events();
  const firstWrite = events.find(
    ({ user, objectRef, verb, requestReceivedTimestamp }) =>
      user.username === next.identity &&
      objectRef?.resource !== 'leases' &&
      ['create', 'update', 'patch', 'delete'].includes(verb) &&
      requestReceivedTimestamp > since,
  );
  const reason = leader.lines.find((line) => line['reason'] !== undefined && STOPS.test(line.msg))?.['reason'];
  return {
    takeoverMs: Date.parse(taken.done) - doneAt,
    firstWriteMs: Date.parse(firstWrite?.requestReceivedTimestamp ?? '') - doneAt,
    ended,
    reason: typeof reason === 'string' ? reason : undefined,
    holders: termsOf(events).map(({ holder }) => holder),
    intrusions: intrusionsOf(events),
  };
}

/** The leader is killed. */
export function crash(contest: Contest): Promise<Handover> {
  const doneAt = Date.now();
  leaderOf(contest).signal('SIGKILL');
  return lookBack(contest, doneAt);
}

/** The leader is told to end. */
export function endInGoodOrder(contest: Contest): Promise<Handover> {
  const doneAt = Date.now();
  leaderOf(contest).signal('SIGTERM');
  return lookBack(contest, doneAt);
}

/** The leader stands still until another leads and writes; then it wakes up. */
export function stall(contest: Contest): Promise<Handover> {
  const leader = leaderOf(contest);
  const doneAt = Date.now();
  leader.signal('SIGSTOP');
  return lookBack(contest, doneAt, () => leader.signal('SIGCONT'));
}

/** Requests of the leader take until another leads and writes; answers come at once. */
export function delay(contest: Contest, line: SlowLine): Promise<Handover> {
  const doneAt = Date.now();
  line.hold();
  return lookBack(contest, doneAt, () => line.letGo());
}

/** The standby stands still for longer than the lease while the leader renews it, and wakes up with an old view. */
export async function lag(contest: Contest): Promise<{ readonly holders: readonly string[] }> {
  const standby = contest.operators[1];
  standby?.signal('SIGSTOP');
  await sleep(contest.leaseMs + 2_000);
  standby?.signal('SIGCONT');
  // Long enough for it to try twice.
  await sleep(0.4 * contest.leaseMs);
  return { holders: await contest.holders() };
}

/** The API server is away for longer than the lease; the leader ends meanwhile. */
export async function loseTheApi(
  contest: Contest,
  controlPlane: ControlPlane,
  how: Away,
): Promise<Handover & { readonly lostMs: number; readonly backToLeaderMs: number }> {
  const leader = leaderOf(contest);
  const doneAt = Date.now();
  const bringBack = await takeAway(controlPlane, how);
  const stops = await leader.says(STOPS);
  // Everybody's lease has long ended.
  await sleep(contest.leaseMs);
  const backAt = Date.now();
  await bringBack();
  const handover = await lookBack(contest, doneAt);
  return { ...handover, lostMs: stops.heard - doneAt, backToLeaderMs: handover.takeoverMs - (backAt - doneAt) };
}
