/** What it takes to bring the configuration of one template, and its pods, to a revision. */
import type { ConnectionPooler } from '../api/types.ts';
import type { Version } from '../pgbouncer/version.ts';
import type { PodView } from '../plan/pods.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import type { ChildWriter } from './children.ts';
import type { Desired } from './desired.ts';
import type { Memory } from './memory.ts';

export interface ConfigInput {
  readonly pooler: ConnectionPooler;
  readonly template: string;
  readonly version: Version;
  readonly credentials: AdminCredentials;
  readonly writer: ChildWriter;
  readonly memory: Memory;
  readonly revision: string;
  readonly desired: Desired;
  readonly pods: readonly PodView[];
  readonly superseded: () => boolean;
}
