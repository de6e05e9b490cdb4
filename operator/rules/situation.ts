/** What the rules look at: everything observed about one pooler at one moment, and nothing that decides. */
import type { Fault } from '../api/fault.ts';
import type { Warning } from '../api/warning.ts';
import type { BudgetRow } from '../plan/budget.ts';
import type { FleetView } from '../plan/fleet.ts';
import type { DeployedImage } from '../plan/image.ts';
import type { PodView } from '../plan/pods.ts';
import type { TlsView } from '../plan/tls.ts';

export interface Situation {
  readonly generation: number;
  readonly suspended: boolean;
  readonly wantedReplicas: number;
  readonly faults: {
    readonly spec: readonly Fault[];
    readonly budget: readonly Fault[];
    readonly credentials: readonly Fault[];
  };
  /** What stored passwords cannot do; undefined while the Secrets were not read. */
  readonly credentialWarnings: readonly Warning[] | undefined;
  /** What `spec.tls` makes; undefined while it was not looked at. */
  readonly tls: TlsView | undefined;
  /** What keeps cert-manager from issuing, or why it is not there. */
  readonly issuing: string | undefined;
  /** Milliseconds since 1970: certificates end by themselves. */
  readonly now: number;
  /** Objects of a wanted name that belong to somebody else. */
  readonly collisions: readonly { readonly object: string; readonly owner: string; readonly remedy?: string }[];
  /** What a rule of the cluster keeps the operator from doing; `unanswered`: nobody says whether it may. */
  readonly denied:
    | {
        readonly by: 'quota' | 'policy' | 'permission' | 'unanswered' | 'silence';
        readonly call: string;
        readonly said: string;
      }
    | undefined;
  /** Why Kubernetes makes no more pods, in the API server's words. */
  readonly podsDenied: string | undefined;
  readonly config: {
    /** What the spec asks for; undefined while it cannot be rendered. */
    readonly desired: string | undefined;
    /** What `proved.ini` of the current template names. */
    readonly pointer: string | undefined;
    readonly failed: { readonly revision: string; readonly template: string; readonly reason: string } | undefined;
    readonly restartRequired: readonly string[];
    readonly restart: {
      readonly mode: 'Automatic' | 'Manual';
      /** The pods were replaced for it, and it is still there. */
      readonly incurable: boolean;
    };
    /** Databases that are to be removed, and in which something is still under way. */
    readonly draining: readonly {
      readonly database: string;
      readonly pod: string;
      readonly clients: number;
      readonly servers: number;
    }[];
    /** Why the last attempt is tried again. */
    readonly retrying: string | undefined;
  };
  /** What a hand changed on consoles. */
  readonly overrides: readonly { readonly pod: string; readonly found: readonly string[] }[];
  readonly template: string | undefined;
  readonly pods: readonly PodView[];
  /** The proved revision of each pod by name. */
  readonly proved: ReadonlyMap<string, string>;
  readonly waitsForShares: boolean;
  readonly budget: readonly BudgetRow[];
  /** What SHOW VERSION says when it is not what the spec says. */
  readonly versionMismatch: { readonly stated: string; readonly found: string } | undefined;
  /** What the Deployment runs; undefined before there is one. */
  readonly image: DeployedImage | undefined;
  /** Numbers of the pods that could be asked. */
  readonly fleet: FleetView | undefined;
  /** Pods whose console could not be read when it was looked at last, and why. */
  readonly silent: readonly { readonly pod: string; readonly reason: string }[];
}

/** What one rule found. */
export interface Finding {
  readonly status: 'True' | 'False' | 'Unknown';
  /** One CamelCase word. */
  readonly reason: string;
  readonly message: string;
}

/** Pods that count: of the current template, and not on their way out. */
export const currentPods = (situation: Situation): readonly PodView[] =>
  situation.pods.filter((pod) => !pod.terminating && pod.template === situation.template);

export const provedPods = (situation: Situation): readonly PodView[] =>
  currentPods(situation).filter(
    (pod) => situation.config.desired !== undefined && situation.proved.get(pod.name) === situation.config.desired,
  );
