/**
 * Applies a new revision to the running pods of one template, and proves it: one replica first, rolled back on all when
 * it fails. Every step is safe to be the last one: whoever comes next finds the pointer on a proved revision, and
 * decides from what the pods answer, not from a list.
 *
 * 1. console sessions on all pods, kept open (a session gets out of what a fresh login cannot)
 *    A database that goes is emptied first: until it is, the change ends here and comes back.
 * 2. the revision's files into the configuration Secret, beside the proved ones
 * 3. every pod's entry annotation to the revision: inert until RELOAD, and a restart still starts on the proved one
 * 4. the canary RELOADs until the marker shows, and is proved
 * 5. the others RELOAD and are proved, in parallel
 * 6. the pointer `proved.ini` moves; pods that restarted meanwhile (they read the pointer) follow
 * On failure: annotations back, RELOAD by the open sessions until the old marker shows.
 */

import { PROOF_USER } from '../api/names.ts';
import { expectationOf } from '../console/expectation.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { Config } from '../plan/config.ts';
import type { PodView } from '../plan/pods.ts';
import { loadedFrom, retainedAfter } from '../plan/retained.ts';
import type { ChangeSteps, UnprovedPod } from './change-acts.ts';
import {
  type Attempt,
  dismiss,
  type Failed,
  type Gathered,
  gatherMembers,
  type Member,
  reload,
  reloadAndProve,
} from './change-member.ts';
import { type Busy, emptyDatabases, leavingDatabases, lostServerUsers, servedBy } from './leaving.ts';

export interface ChangeInput {
  readonly config: Config;
  readonly version: Version;
  /** The revision that the pointer names, to return to. */
  readonly previous: string;
  readonly pods: readonly PodView[];
  /** Sessions to them that are open already; closed at the end, like those that are opened here. */
  readonly gathered?: Gathered;
  /** How often a canary of this revision died so far. */
  readonly deaths: number;
  /** Whether databases that go have had their time, by their names; absent: they have none. */
  readonly drained?: (leaving: readonly string[]) => boolean;
  /** Awaited before the first RELOAD; false: not now, as the sessions have waited for long. Absent: at once. */
  readonly mayReload?: () => Promise<boolean>;
  /** What a process retained of earlier files; absent: nothing. */
  readonly retained?: (pod: PodView) => readonly string[];
  /** Notes it, before the pointer moves: from then on nobody can tell any more what the processes came from. */
  readonly noteRetained?: (proved: readonly ProvedPod[]) => Promise<void>;
}

export type ChangeResult =
  | {
      readonly outcome: 'proved';
      readonly proved: readonly ProvedPod[];
      readonly unproved: readonly UnprovedPod[];
      /** Milliseconds that each step took, in order. */
      readonly timings: Readonly<Record<string, number>>;
    }
  /** PgBouncer refuses the revision: not tried again until something it is made of changes. */
  | {
      readonly outcome: 'refused';
      readonly reason: string;
      readonly restored: readonly string[];
      readonly lost: readonly PodView[];
    }
  /** Nothing is known against the revision: tried again. */
  | {
      readonly outcome: 'retry';
      readonly reason: string;
      readonly canaryDied: boolean;
      /** A console that it depends on did not answer. */
      readonly silent?: true;
    }
  /** Running processes would not work with it, for what they keep: only fresh ones can take it. */
  | { readonly outcome: 'restart'; readonly keeps: readonly string[] }
  /** Databases go with this revision, and something is still under way in them. */
  | { readonly outcome: 'draining'; readonly busy: readonly Busy[] }
  /** Every process was started on the pointer's file, so none can try a candidate: they must be replaced first. */
  | { readonly outcome: 'no-canary' };

export interface ProvedPod {
  readonly pod: PodView;
  readonly restartRequired: readonly string[];
  /** Of these, what no console shows. */
  readonly retained: readonly string[];
  readonly settings: string;
}

interface Outcome {
  readonly member: Member;
  readonly result: Attempt;
}

const CANARY_DEADLINE_MS = 10_000;
const FOLLOWER_DEADLINE_MS = 10_000;
const RESTORE_DEADLINE_MS = 10_000;
/** A revision that kills its canary this often is refused. */
const DEATHS_ALLOWED = 2;

export async function applyChange(steps: ChangeSteps, input: ChangeInput): Promise<ChangeResult> {
  const { config, version, previous } = input;
  const started = steps.now();
  const timings: Record<string, number> = {};
  let last = performance.now();
  const lap = (step: string): void => {
    const now = performance.now();
    timings[step] = Math.round(now - last);
    last = now;
  };
  const expectation = expectationOf(config.ini, {
    revision: config.revision,
    proofLogin: { user: PROOF_USER, password: config.proofPassword },
    version,
    served: config.served,
  });
  const gathered = input.gathered ?? (await gatherMembers(steps, input.pods));
  const { members, silent } = gathered;
  lap('sessions');
  timings['sessions'] = gathered.milliseconds;
  try {
    const [canary, ...rest] = members.filter((member) => member.readsEntry);
    if (canary === undefined) {
      return members.length > 0
        ? { outcome: 'no-canary' }
        : {
            outcome: 'retry',
            reason: silent[0] === undefined ? 'no pod runs yet' : `${silent[0].pod.name}: ${silent[0].reason}`,
            canaryDied: false,
            ...(silent.length > 0 && { silent: true }),
          };
    }
    const followers = members.filter((member) => !member.readsEntry);
    const handedTo = [canary, ...rest];

    const served = await servedBy(members);
    const after = loadedFrom(config.files, config.revision, version);
    const lost = lostServerUsers(served, config.ini, new Set(after.verifiers.keys()));
    if (lost.length > 0) return { outcome: 'restart', keeps: lost };
    const leaving = await leavingDatabases(steps, served, config.ini, version);
    if (leaving.length > 0) {
      const busy = await emptyDatabases(steps, members, leaving);
      lap('emptying');
      if (busy.length > 0 && input.drained?.(leaving) === false) return { outcome: 'draining', busy };
    }
    const before = loadedFrom(await steps.standing(), previous, version);
    await steps.writeCandidate(config);
    lap('candidate');
    await Promise.all(handedTo.map((member) => steps.handOut(member.pod, config.revision)));
    lap('handOut');
    const mayReload = (await input.mayReload?.()) ?? true;
    lap('turn');
    if (!mayReload) return { outcome: 'retry', reason: 'it waited for its turn', canaryDied: false };

    const first = await reloadAndProve(steps, canary, expectation, CANARY_DEADLINE_MS);
    lap('canary');
    // The user wants something else already. Nobody reloaded, so nothing is to be undone: the next revision is handed out.
    if (first.kind === 'late' && first.complaint === undefined && steps.superseded())
      return { outcome: 'retry', reason: 'superseded', canaryDied: false };
    if (first.kind !== 'proved') return await rollBack(handedTo, [canary], canary, first);

    const others = await Promise.all(
      rest.map(
        async (member): Promise<Outcome> => ({
          member,
          result: await reloadAndProve(steps, member, expectation, FOLLOWER_DEADLINE_MS),
        }),
      ),
    );
    for (const { member, result } of others) {
      if (result.kind === 'refused') return await rollBack(handedTo, handedTo, member, result);
    }

    const provedOf = ({ member: { pod }, result }: Outcome): readonly ProvedPod[] => {
      if (result.kind !== 'proved') return [];
      const retained = retainedAfter(input.retained?.(pod) ?? [], before, after);
      return [{ pod, retained, settings: result.settings, restartRequired: [...result.restartRequired, ...retained] }];
    };
    const proved = [{ member: canary, result: first }, ...others].flatMap(provedOf);
    const late = others.filter(({ result }) => result.kind !== 'proved');
    lap('others');
    await input.noteRetained?.(proved);
    await steps.movePointer(config, late.length + silent.length + followers.length > 0);

    lap('pointer');
    const followed = await Promise.all(
      followers.map(async (member): Promise<Outcome> => {
        await steps.handOut(member.pod, 'rest');
        return { member, result: await reloadAndProve(steps, member, expectation, FOLLOWER_DEADLINE_MS) };
      }),
    );
    return {
      outcome: 'proved',
      timings,
      proved: [...proved, ...followed.flatMap(provedOf)],
      unproved: [
        ...silent,
        ...[...late, ...followed].flatMap(({ member, result }) =>
          result.kind === 'proved' ? [] : [{ pod: member.pod, reason: result.reason }],
        ),
      ],
    };
  } finally {
    await dismiss(gathered);
  }

  /** @param reloaded those that may have taken it; the rest still runs the previous revision and is not touched */
  async function rollBack(
    handedTo: readonly Member[],
    reloaded: readonly Member[],
    culprit: Member,
    result: Failed,
  ): Promise<ChangeResult> {
    const restored: string[] = [];
    const lost: PodView[] = [];
    await Promise.all(
      handedTo.map(async (member) => {
        try {
          await steps.handOut(member.pod, 'rest');
          // A RELOAD before the entry file is back would bring the refused revision to a pod that never had it.
          if (!reloaded.includes(member)) return;
          const back = await reload(steps, member, previous, { deadlineMs: RESTORE_DEADLINE_MS, giveUp: () => false });
          if (back.ok) restored.push(member.pod.name);
          else lost.push(member.pod);
        } catch {
          // Gone, or the API server is: whoever comes next finds the annotation, and the pointer where it was.
          lost.push(member.pod);
        }
      }),
    );
    // Restored first: reading a log takes its time, and the canary stands half-applied meanwhile.
    const logged = result.kind === 'late' ? result.complaint : await steps.explain(culprit.pod, started);
    const deaths = input.deaths + (result.kind === 'gone' ? 1 : 0);
    // A file that "did not arrive" while PgBouncer complains in its log did arrive: an error in [databases] leaves the old marker.
    const isRefused =
      result.kind === 'refused' ||
      (result.kind === 'late' && logged !== undefined) ||
      (result.kind === 'gone' && deaths >= DEATHS_ALLOWED);
    if (!isRefused)
      return {
        outcome: 'retry',
        reason: `${culprit.pod.name}: ${result.reason}`,
        canaryDied: result.kind === 'gone',
        ...(result.kind === 'silent' && { silent: true }),
      };
    const cause =
      result.kind === 'gone' ? `the process died ${deaths} times while it took this revision` : result.reason;
    return { outcome: 'refused', reason: `${culprit.pod.name}: ${logged ?? cause}`, restored, lost };
  }
}
