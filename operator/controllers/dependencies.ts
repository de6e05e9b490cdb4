/** What a reconcile works with: wired once, in main.ts, and handed to each of its parts. */
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { TemplateMode } from '../plan/template-merge.ts';
import type { Clock } from '../runtime/clock.ts';
import type { AdminCredentialStore } from './admin-credentials.ts';
import type { Caches } from './caches.ts';
import type { MemoryStore } from './memory.ts';
import type { Observer } from './observer.ts';
import type { Pace } from './pace.ts';
import type { Patience } from './patience.ts';
import type { StatusWriter } from './status-writer.ts';

export interface PoolerSettings {
  readonly defaultImage: string;
  readonly templateMode: TemplateMode;
  /** The last part of the names of Services: `cluster.local`. */
  readonly clusterDomain: string;
  /** Between two looks of the observer at a console. */
  readonly observeIntervalMs: number;
}

export interface PoolerDependencies {
  /** Writes only with the leadership, see kube/lease-fence.ts. */
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly credentials: AdminCredentialStore;
  readonly memories: MemoryStore;
  readonly observer: Observer;
  readonly status: StatusWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly settings: PoolerSettings;
  readonly log: (message: string, details: object) => void;
  /** Runs a change when the fleet's pace allows. */
  readonly paced: Pace;
  /** Whatever waits for consoles goes through here. */
  readonly patience: Patience;
  /** Sends the worker of this reconcile on to other poolers. */
  readonly leave: () => void;
}
