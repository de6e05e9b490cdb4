/** The operator and one PostgreSQL, as every bench needs them. */
import { postgres } from '../demo/manifests.ts';
import { installOperator, uninstallOperator } from '../demo/operator.ts';
import type { Target } from '../demo/target.ts';

export const NAMESPACE = 'poolkeeper-bench';

export interface BenchOptions {
  readonly rounds: number | undefined;
  readonly minutes: number;
  /** How long each load runs. */
  readonly seconds: number | undefined;
}

export async function install(target: Target): Promise<void> {
  await installOperator(target);
  await target.kubectl(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }),
  });
  await target.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], { input: postgres(target.postgresImage) });
  await target.kubectl(['-n', NAMESPACE, 'rollout', 'status', 'deployment/postgres', '--timeout=120s']);
}

export async function uninstall(target: Target): Promise<void> {
  await target.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=120s']);
  await uninstallOperator(target);
}
