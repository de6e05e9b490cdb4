/** One pod in a change: its open session, and what became of it. */
import { isLate } from '../console/errors.ts';
import type { Expectation } from '../console/expectation.ts';
import { prove } from '../console/prove.ts';
import { type Reloaded, reloadUntil } from '../console/reload.ts';
import type { Session } from '../console/session.ts';
import { atLeast } from '../pgbouncer/version.ts';
import type { PodView } from '../plan/pods.ts';
import { PROVED_FILE } from '../plan/revision-files.ts';
import { messageOf } from '../runtime/log.ts';
import type { ChangeSteps, UnprovedPod } from './change-acts.ts';

export interface Member {
  readonly pod: PodView;
  readonly session: Session;
  /** Reads the entry file; false after a restart in the middle of a change. */
  readonly readsEntry: boolean;
}

/** How long a file may take before the pod's kubelet is told once more, and PgBouncer's log is looked at. */
const LATE_MS = 1_000;

const RELOAD_EVERY_MS = 50;
/** Until 1.24 each RELOAD closes every server connection that uses TLS, and opening them costs the server. */
const RELOAD_SELDOM_MS = 2_000;

export const reloadIntervalMs = ({ config, version }: Pick<Expectation, 'config' | 'version'>): number =>
  atLeast(version, '1.24') || config.get('server_tls_sslmode') === 'disable' ? RELOAD_EVERY_MS : RELOAD_SELDOM_MS;

/**
 * What only the log tells. Until 1.25 RELOAD says nothing when the files of TLS cannot be used: the old ones go on, under
 * the names of the new; what clients meet was proved, not what servers meet. And no version says that it skips a rule
 * because it was built without a directory's library: then nobody could log in by it.
 */
async function silentRefusal(
  steps: ChangeSteps,
  pod: PodView,
  { config, version }: Expectation,
): Promise<string | undefined> {
  const tls = !atLeast(version, '1.25') && [...config.keys()].some((key) => /^(client|server)_tls_\w+_file$/.test(key));
  const directory = config.has('auth_ldap_options');
  if (!tls && !directory) return undefined;
  const complaint = (await steps.complaint(pod)) ?? '';
  return (tls && /TLS|_tls/.test(complaint)) || (directory && /\bhba\b/.test(complaint)) ? complaint : undefined;
}

/** What became of one member. */
export type Attempt =
  | { readonly kind: 'proved'; readonly restartRequired: readonly string[]; readonly settings: string }
  | { readonly kind: 'refused'; readonly reason: string }
  /** Its marker did not come; `complaint` is what its log says against the file, if it does. */
  | { readonly kind: 'late'; readonly reason: string; readonly complaint?: string }
  /** It did not answer in time. */
  | { readonly kind: 'silent'; readonly reason: string }
  | { readonly kind: 'gone'; readonly reason: string };

export type Failed = Exclude<Attempt, { readonly kind: 'proved' }>;

export async function reloadAndProve(
  steps: ChangeSteps,
  member: Member,
  expectation: Expectation,
  deadlineMs: number,
): Promise<Attempt> {
  const complaints = watchLog(steps, member.pod);
  const reloaded = await reload(steps, member, expectation.revision, {
    deadlineMs,
    intervalMs: reloadIntervalMs(expectation),
    giveUp: () => complaints.found() !== undefined || steps.superseded(),
    late: complaints.look,
  });
  if (!reloaded.ok) {
    switch (reloaded.kind) {
      case 'half-applied':
        return { kind: 'refused', reason: reloaded.detail };
      case 'silent':
      case 'gone':
        return { kind: reloaded.kind, reason: reloaded.detail };
      default: {
        if (reloaded.arrived) return { kind: 'refused', reason: reloaded.detail };
        const complaint = complaints.found();
        return { kind: 'late', reason: reloaded.detail, ...(complaint === undefined ? {} : { complaint }) };
      }
    }
  }
  try {
    const proof = await prove(member.session, steps.address(member.pod), expectation);
    const unsaid = proof.proved ? await silentRefusal(steps, member.pod, expectation) : undefined;
    if (unsaid !== undefined) return { kind: 'refused', reason: unsaid };
    return proof.proved
      ? { kind: 'proved', restartRequired: proof.restartRequired, settings: proof.settings }
      : { kind: 'refused', reason: `${proof.item} is not as rendered: ${proof.detail}` };
  } catch (error) {
    return { kind: isLate(error) ? 'silent' : 'gone', reason: messageOf(error) };
  }
}

export function reload(
  steps: ChangeSteps,
  member: Member,
  revision: string,
  wait: {
    readonly deadlineMs: number;
    readonly intervalMs?: number;
    readonly giveUp: () => boolean;
    readonly late?: () => void;
  },
): Promise<Reloaded> {
  let lates = 0;
  return reloadUntil({
    session: member.session,
    revision,
    deadlineMs: wait.deadlineMs,
    giveUp: wait.giveUp,
    intervalMs: wait.intervalMs ?? RELOAD_EVERY_MS,
    onWaiting: (elapsedMs) => {
      if (elapsedMs < LATE_MS * (lates + 1)) return;
      lates += 1;
      steps.nudge(member.pod).catch(() => undefined);
      wait.late?.();
    },
  });
}

/**
 * An error before [pgbouncer] leaves the old marker, and before 1.25 RELOAD says nothing of it: it looks as if the file
 * had not arrived. Only the log tells the one from the other.
 */
function watchLog(
  steps: ChangeSteps,
  pod: PodView,
): { readonly look: () => void; readonly found: () => string | undefined } {
  let found: string | undefined;
  let looking = false;
  return {
    found: () => found,
    look: () => {
      if (looking) return;
      looking = true;
      steps
        .complaint(pod)
        .then((complaint) => {
          found ??= complaint;
        })
        .catch(() => undefined)
        .finally(() => {
          looking = false;
        });
    },
  };
}

/** Whom a change is about: each with an open session, and those who did not answer. */
export interface Gathered {
  readonly members: readonly Member[];
  readonly silent: readonly UnprovedPod[];
  /** How long that took. */
  readonly milliseconds: number;
}

/** Closes every session. Never rejects. */
export const dismiss = ({ members }: Gathered): Promise<unknown> =>
  Promise.allSettled(members.map(({ session }) => session.close()));

/** Opens a session to every pod; those that do not answer cost their timeout and are named. */
export async function gatherMembers(steps: ChangeSteps, pods: readonly PodView[]): Promise<Gathered> {
  const started = performance.now();
  const members: Member[] = [];
  const silent: UnprovedPod[] = [];
  await Promise.all(
    pods.map(async (pod) => {
      try {
        const session = await steps.openSession(pod);
        const config = await session.show('CONFIG');
        const file = config.find((row) => row['key'] === 'conffile')?.['value'];
        members.push({ pod, session, readsEntry: !String(file).endsWith(`/${PROVED_FILE}`) });
      } catch (error) {
        silent.push({ pod, reason: messageOf(error) });
      }
    }),
  );
  // The canary is the pod with the least to lose, and always the same one: the last by name.
  members.sort((a, b) => (a.pod.name < b.pod.name ? 1 : -1));
  return { members, silent, milliseconds: Math.round(performance.now() - started) };
}
