/** What an edit of a pooler will do, as data: what compare.ts finds and the command line prints. */
import type { ConnectionPooler } from '../api/types.ts';
import type { Section } from '../pgbouncer/settings.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { Config } from './config.ts';
import type { PeakRow } from './peak-connections.ts';
import type { PlannedTemplate } from './pod-template.ts';

/** A pooler, planned: everything of it is known but what a cluster generates. */
export interface PlannedPooler {
  readonly pooler: ConnectionPooler;
  readonly version: Version;
  readonly image: string;
  readonly config: Config;
  readonly template: PlannedTemplate;
}

export interface SettingChange {
  readonly section: Exclude<Section, 'peers'>;
  /** The database or user; absent for [pgbouncer]. */
  readonly name?: string;
  readonly key: string;
  /** null: unset. */
  readonly before: string | null;
  readonly after: string | null;
  readonly by: 'reload' | 'restart';
  /** Who decides it after the change. */
  readonly source: string;
}

/** A change beside the files of PgBouncer: `Service port 6432 → 5432`. */
export interface ObjectChange {
  readonly object: string;
  readonly field: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface EntryChange {
  readonly section: 'databases' | 'users' | 'access';
  readonly name: string;
  readonly change: 'added' | 'removed';
}

/** The strongest thing that happens; `waits`: nothing does before somebody restarts the pods. */
export type Outcome = 'create' | 'none' | 'waits' | 'objects' | 'reload' | 'restart';

export interface PoolerChange {
  readonly namespace: string;
  readonly name: string;
  readonly outcome: Outcome;
  readonly settings: readonly SettingChange[];
  readonly entries: readonly EntryChange[];
  readonly objects: readonly ObjectChange[];
  readonly pods: {
    readonly before: number;
    readonly after: number;
    readonly replaced: number;
    readonly because: readonly string[];
  };
  /** Settings that wait until somebody restarts the pods, as `rollout.restart: Manual` wants it. */
  readonly waiting: readonly string[];
  /** The operator keeps its hands off: all of this comes when `suspend` is false again. */
  readonly suspended: boolean;
  readonly cuts: readonly Cut[];
  readonly connections: readonly PeakRow[];
}

export interface Cut {
  /** Whom it concerns, as half a sentence: `clients of app_batch`. */
  readonly who: string;
  /** What happens to them, and how to avoid it. */
  readonly what: string;
  /** True: a client is cut off, refused or kept waiting; false: it is only good to know. */
  readonly cuts: boolean;
}
