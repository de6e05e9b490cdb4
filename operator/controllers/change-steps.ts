/** The change protocol's steps, done on a real cluster: Secrets, annotations, sessions and logs. */
import {
  ANNOTATION_ENTRY,
  ANNOTATION_INPUTS,
  ANNOTATION_NUDGE,
  ANNOTATION_POINTER,
  ANNOTATION_PROVED_TIME,
  configSecretName,
  FIELD_MANAGER,
  PORT,
} from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { SessionOptions } from '../console/session.ts';
import type { KubeObject } from '../kube/objects.ts';
import { apply, get, type LogOptions, mergePatch, podLogs } from '../kube/operations.ts';
import { PODS, SECRETS } from '../kube/resources.ts';
import { sameStates, unionOf } from '../pgbouncer/database-states.ts';
import { SECRET_BYTES } from '../plan/config-size.ts';
import { withAppliedHash } from '../plan/drift.ts';
import { configSecret } from '../plan/objects.ts';
import { CONTAINER } from '../plan/pod-template.ts';
import type { PodView } from '../plan/pods.ts';
import {
  type ConfigFiles,
  ENTRY_AT_REST,
  filesOfRevision,
  includeOf,
  PROVED_FILE,
  pointerIn,
} from '../plan/revision-files.ts';
import type { AdminCredentials } from './admin-credentials.ts';
import type { ChangeSteps } from './change-acts.ts';
import type { ChildWriter } from './children.ts';
import { heldStates, noteStates } from './database-states.ts';
import { doorsOf, openDoor } from './doors.ts';
import { explainChange, explainReload } from './pod-log.ts';
import { filesIn, type SecretObject } from './secret-object.ts';

/** A change at its slowest, and its way back. Whoever answers each question just in time ends here. */
const SESSION_MS = 45_000;

export const CONSOLE_TIMEOUTS = { connectTimeoutMs: 3_000, queryTimeoutMs: 3_000 } as const;

/** Two RELOADs are a few lines; clients' log-ins may stand between them. */
const RELOAD_LINES = 400;

/** How a console is asked first; what it was configured to last may be something else, and gets an answer too. */
export const tlsOf = ({ spec }: ConnectionPooler): NonNullable<SessionOptions['tls']> =>
  (spec.tls?.client?.mode ?? 'disable') === 'disable' ? 'when-required' : 'ask';

export interface ChangeContext {
  readonly pooler: ConnectionPooler;
  readonly template: string;
  readonly credentials: AdminCredentials;
  readonly writer: ChildWriter;
  /** The desired one, which a process may have taken already. */
  readonly revision?: string;
  /** The configuration Secret as cached. */
  readonly secret: () => KubeObject | undefined;
  /** What the revision is made of, noted on the Secret when the pointer moves. */
  readonly inputs?: string;
  readonly superseded: () => boolean;
  /** Whether a pod of the template is on its way, and may have read where the pointer led before. */
  readonly isStarting: () => boolean;
  readonly now: () => number;
}

export class RevisionTooLarge extends Error {
  override readonly name = 'RevisionTooLarge';
}

export function changeSteps(context: ChangeContext): ChangeSteps {
  const { pooler, template, credentials, writer } = context;
  const namespace = pooler.metadata.namespace ?? 'default';
  const secretName = configSecretName(pooler.metadata.name, template);

  let previousFiles: ConfigFiles = {};
  let previous = '';
  let stored: Promise<SecretObject> | undefined;
  const read = (): Promise<SecretObject> => {
    stored ??= get<SecretObject>(writer.client, SECRETS, namespace, secretName);
    return stored;
  };

  const write = async (input: Parameters<typeof configSecret>[1]): Promise<void> => {
    const bytes = Object.values(input.files).reduce((total, text) => total + Buffer.byteLength(text), 0);
    if (bytes > SECRET_BYTES) {
      throw new RevisionTooLarge(
        `the files of this revision and of the proved one are ${bytes} bytes, and a Secret holds ${SECRET_BYTES}; use fewer users, or split the pooler`,
      );
    }
    writer.observed(
      await apply<KubeObject>(writer.client, SECRETS, withAppliedHash(configSecret(pooler, input)), {
        fieldManager: FIELD_MANAGER,
        force: true,
      }),
    );
  };

  const annotate = async (pod: PodView, annotations: Readonly<Record<string, string>>): Promise<void> => {
    const patched = await mergePatch<KubeObject>(
      writer.client,
      PODS,
      namespace,
      pod.name,
      { metadata: { uid: pod.uid, annotations } },
      { fieldManager: FIELD_MANAGER },
    );
    writer.observed(patched);
  };
  /** Empty when it cannot be read: what happened counts, not what is said about it. */
  const logOf = (pod: PodView, part: Pick<LogOptions, 'sinceSeconds' | 'tailLines'>): Promise<string> =>
    podLogs(writer.client, namespace, pod.name, { container: CONTAINER, limitBytes: 64 * 1024, ...part }).catch(
      () => '',
    );
  const nudge = () => ({ [ANNOTATION_NUDGE]: String(context.now()) });

  return {
    openSession: (pod) =>
      openDoor(
        {
          host: pod.address ?? '',
          port: PORT,
          applicationName: 'poolkeeper',
          tls: tlsOf(pooler),
          certificates: credentials.certificates,
          lifetimeMs: SESSION_MS,
          ...CONSOLE_TIMEOUTS,
        },
        doorsOf(credentials, [context.secret()?.metadata.annotations?.[ANNOTATION_POINTER], context.revision]),
      ),
    address: (pod) => ({ host: pod.address ?? '', port: PORT, certificates: credentials.certificates }),
    standing: async () => filesIn(await read()),
    noteStates: async (states) => {
      const noted = unionOf(heldStates(context.secret()), states);
      if (!sameStates(noted, heldStates(context.secret()))) await noteStates(context, noted);
    },
    writeCandidate: async (config) => {
      const current = await read();
      const pointer = Buffer.from(current.data?.[PROVED_FILE] ?? '', 'base64').toString();
      previous = pointerIn(pointer) ?? '';
      previousFiles = filesOfRevision(filesIn(current), previous);
      const inputs = current.metadata.annotations?.[ANNOTATION_INPUTS];
      await write({
        template,
        pointer: previous,
        ...(inputs === undefined ? {} : { inputs }),
        proved: { revision: previous, time: provedTime(current) },
        files: { ...previousFiles, ...config.files },
      });
    },
    movePointer: async (config, keepPrevious) => {
      const now = new Date(context.now()).toISOString();
      await write({
        template,
        pointer: config.revision,
        ...(context.inputs === undefined ? {} : { inputs: context.inputs }),
        proved: { revision: config.revision, time: now },
        files: { ...(keepPrevious || context.isStarting() ? previousFiles : {}), ...config.files },
      });
    },
    handOut: (pod, revision) =>
      annotate(pod, { [ANNOTATION_ENTRY]: revision === 'rest' ? ENTRY_AT_REST : includeOf(revision), ...nudge() }),
    nudge: (pod) => annotate(pod, nudge()),
    explain: async (pod, sinceMs) =>
      explainChange(await logOf(pod, { sinceSeconds: Math.ceil((context.now() - sinceMs) / 1000) + 1 })),
    complaint: async (pod) => explainReload(await logOf(pod, { tailLines: RELOAD_LINES })),
    superseded: context.superseded,
    now: context.now,
  };
}

const provedTime = (secret: SecretObject): string =>
  secret.metadata.annotations?.[ANNOTATION_PROVED_TIME] ?? new Date(0).toISOString();
