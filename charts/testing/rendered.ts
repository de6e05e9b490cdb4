/** Renders the chart with Helm itself, for the tests of what it installs. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { buildProgram } from '../../e2e/cluster/build.ts';
import { run } from '../../e2e/cluster/run.ts';

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly valueFrom?: unknown; readonly value?: string }[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly startupProbe?: unknown;
  readonly livenessProbe?: unknown;
  readonly readinessProbe?: unknown;
  readonly resources: unknown;
}

export interface PodSpec {
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly [Container];
  readonly volumes?: readonly unknown[];
  readonly topologySpreadConstraints?: readonly unknown[];
}

/** The parts of any rendered object that the tests look at; Helm's output is cast to it in one place. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly rules?: readonly Rule[];
  readonly subjects?: readonly { readonly name: string; readonly namespace: string }[];
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly spec: PodSpec };
    readonly ports?: readonly { readonly port: number }[];
    readonly ingress?: readonly unknown[];
    readonly policyTypes?: readonly string[];
  };
}

export const chart = join(import.meta.dirname, '../poolkeeper');
export const NAMESPACE = 'poolkeeper-system';
const NOWHERE = '/nonexistent';
/** Runs Helm with nothing of the user's own configuration: these commands need none. */
export const helmSays = async (...args: readonly string[]): Promise<string> =>
  run(await buildProgram('helm'), args, {
    environment: {
      HELM_CACHE_HOME: NOWHERE,
      HELM_CONFIG_HOME: NOWHERE,
      HELM_DATA_HOME: NOWHERE,
      KUBECONFIG: '/dev/null',
    },
  });

/** What the chart installs under its usual name. @param sets as after `--set` */
export const render = (...sets: readonly string[]): Promise<readonly Rendered[]> => renderAs('poolkeeper', sets);

/** @param release the name of the Helm release */
export async function renderAs(release: string, sets: readonly string[] = []): Promise<readonly Rendered[]> {
  const text = await helmSays(
    ...['template', release, chart, '--namespace', NAMESPACE, '--kube-version', '1.31.0'],
    ...sets.flatMap((set) => ['--set', set]),
  );
  return loadAll(text).filter((object) => object !== null && object !== undefined) as unknown as readonly Rendered[];
}

/** The one object of that kind and name; fails when there is none or more. */
export function only(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  assert.equal(found.length, 1, `${kind} ${name} is rendered once`);
  return found[0] as Rendered;
}

/** The operator's pod. */
export function podOf(objects: readonly Rendered[]): PodSpec {
  const pod = only(objects, 'Deployment', 'poolkeeper').spec?.template?.spec;
  assert.ok(pod);
  return pod;
}
