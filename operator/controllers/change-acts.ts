/** The acts that a change is made of, apart from the order in which they happen: on a cluster, or on processes of a test. */
import type { Session, SessionOptions } from '../console/session.ts';
import type { HeldStates } from '../pgbouncer/database-states.ts';
import type { Config } from '../plan/config.ts';
import type { PodView } from '../plan/pods.ts';
import type { ConfigFiles } from '../plan/revision-files.ts';

/** What a change needs from the cluster, so that the protocol can be read (and killed between any two steps) by itself. */
export interface ChangeSteps {
  /** Opens an admin session; rejects when the pod does not answer or refuses the login. */
  openSession(pod: PodView): Promise<Session>;
  address(pod: PodView): Pick<SessionOptions, 'host' | 'port' | 'certificates'>;
  /** The files of every revision that is kept, before this change writes any. */
  standing(): Promise<ConfigFiles>;
  /** Notes what the consoles are about to be told of databases; nothing when that is noted already. */
  noteStates(states: HeldStates): Promise<void>;
  /** Writes both revisions' files, pointer unmoved. */
  writeCandidate(config: Config): Promise<void>;
  /** Points a pod's entry file at a revision, or back at the pointer; either makes its kubelet look. */
  handOut(pod: PodView, revision: string | 'rest'): Promise<void>;
  /** Makes the pod's kubelet look once more, when the first time was too early. */
  nudge(pod: PodView): Promise<void>;
  /** Moves the pointer; keeps the previous revision's files when some pod was not proved, or may be reading them. */
  movePointer(config: Config, keepPrevious: boolean): Promise<void>;
  /** What PgBouncer logged since `sinceMs` that explains a failure, without secrets. */
  explain(pod: PodView, sinceMs: number): Promise<string | undefined>;
  /** What PgBouncer complained about at its newest RELOADs, without secrets; undefined also when nobody can tell. */
  complaint(pod: PodView): Promise<string | undefined>;
  /** True as soon as the user asked for something else: a canary that still waits is then not waited for. */
  superseded(): boolean;
  now(): number;
}

export interface UnprovedPod {
  readonly pod: PodView;
  readonly reason: string;
}
