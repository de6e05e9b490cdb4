/**
 * The pod template, and its revision. It never depends on the operator's own version: an upgrade of the operator
 * restarts nothing. A builder that must change is given a new number, and waits for the next rolling change.
 */
import { createHash } from 'node:crypto';
import {
  ANNOTATION_ENTRY,
  ANNOTATION_RESTART_WISHED,
  ANNOTATION_RESTARTED,
  configSecretName,
  LABEL_TEMPLATE,
  labelsOf,
  PORT,
} from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import { canonicalJson } from './canonical-json.ts';
import { CONFIG_DIRECTORY, RUN_DIRECTORY } from './main-section.ts';
import type { RestartToken } from './restart.ts';
import { RESTRICTED } from './restricted.ts';
import { ENTRY_AT_REST } from './revision-files.ts';
import { PROBE_COMMAND, START_SCRIPT, STOP_SCRIPT } from './start-script.ts';
import { mergeTemplate, type PodTemplate } from './template-merge.ts';

export const BUILDER_VERSION = '1';
export const CONTAINER = 'pgbouncer';
/** Long enough for the transactions of most applications; PgBouncer leaves as soon as the last one is done. */
const GRACE_SECONDS = 300;

export interface TemplateInput {
  readonly name: string;
  readonly spec: PoolerSpec;
  readonly image: string;
  readonly version: string;
  readonly restartOnly: Readonly<Record<string, string>>;
  /** Changes when the operator's own logins do: a process that does not know them is asked by nobody, only replaced. */
  readonly credentials: string;
  /** Another one means other pods, see restart.ts. */
  readonly restart?: RestartToken;
}

export interface PlannedTemplate {
  /** Pods of two PgBouncer versions or of two values of a restart-only key have different ones, and share no file. */
  readonly revision: string;
  readonly template: PodTemplate;
}

export function planPodTemplate(input: TemplateInput): PlannedTemplate {
  const merged = mergeTemplate(baseTemplate(input.name, input.image), input.spec.template);
  const restart = annotationsOf(input.restart ?? {});
  const revision = createHash('sha256')
    .update(
      canonicalJson({
        builder: BUILDER_VERSION,
        merged,
        version: input.version,
        restartOnly: input.restartOnly,
        credentials: input.credentials,
        ...(restart.length > 0 && { restart }),
      }),
    )
    .digest('hex')
    .slice(0, 8);
  return { revision, template: placed(merged, input.name, revision, Object.fromEntries(restart)) };
}

const annotationsOf = ({ wished, restarted }: RestartToken): readonly (readonly [string, string])[] => [
  ...(wished === undefined ? [] : [[ANNOTATION_RESTART_WISHED, wished] as const]),
  ...(restarted === undefined ? [] : [[ANNOTATION_RESTARTED, restarted] as const]),
];

/** Puts in what depends on the revision itself: the label, and the name of the configuration Secret. */
function placed(
  template: PodTemplate,
  pooler: string,
  revision: string,
  annotations: Readonly<Record<string, string>>,
): PodTemplate {
  return {
    metadata: {
      ...template.metadata,
      labels: { ...template.metadata.labels, [LABEL_TEMPLATE]: revision },
      annotations: { ...template.metadata.annotations, ...annotations },
    },
    spec: {
      ...template.spec,
      volumes: [
        configVolume(configSecretName(pooler, revision)),
        { name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        ...(template.spec.volumes ?? []),
      ],
    },
  };
}

/** Secret and downward API in ONE projected volume: one atomic swap. No `items` and no subPath, or it would not follow. */
const configVolume = (secret: string) => ({
  name: 'config',
  projected: {
    defaultMode: 0o444,
    sources: [
      { secret: { name: secret } },
      {
        downwardAPI: {
          items: [
            {
              path: 'entry.ini',
              fieldRef: { apiVersion: 'v1', fieldPath: `metadata.annotations['${ANNOTATION_ENTRY}']` },
            },
          ],
        },
      },
    ],
  },
});

const baseTemplate = (pooler: string, image: string): PodTemplate => ({
  metadata: {
    labels: labelsOf(pooler),
    annotations: { [ANNOTATION_ENTRY]: ENTRY_AT_REST, 'kubectl.kubernetes.io/default-container': CONTAINER },
  },
  spec: {
    serviceAccountName: pooler,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: labelsOf(pooler) },
      },
    ],
    containers: [
      {
        name: CONTAINER,
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['sh', '-c', START_SCRIPT],
        ports: [{ name: 'pgbouncer', containerPort: PORT, protocol: 'TCP' }],
        resources: { requests: { cpu: '50m', memory: '32Mi' } },
        securityContext: RESTRICTED,
        lifecycle: { preStop: { exec: { command: ['sh', '-c', STOP_SCRIPT] } } },
        readinessProbe: {
          exec: { command: PROBE_COMMAND },
          periodSeconds: 2,
          timeoutSeconds: 4,
          failureThreshold: 3,
          successThreshold: 1,
        },
        // Tolerates a minute: a hung process is replaced, a busy one is not.
        livenessProbe: {
          exec: { command: PROBE_COMMAND },
          initialDelaySeconds: 5,
          periodSeconds: 10,
          timeoutSeconds: 5,
          failureThreshold: 6,
          successThreshold: 1,
        },
        volumeMounts: [
          { name: 'config', mountPath: CONFIG_DIRECTORY, readOnly: true },
          { name: 'run', mountPath: RUN_DIRECTORY },
        ],
      },
    ],
  },
});
