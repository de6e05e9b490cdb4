/** The operator and one PostgreSQL, as every bench needs them. */
import { postgres } from '../demo/manifests.ts';
import { removeNamespace } from '../demo/namespace.ts';
import { installOperator, uninstallOperator, wasInstalled } from '../demo/operator.ts';
import type { Target } from '../demo/target.ts';

export const NAMESPACE = 'poolkeeper-bench';

export interface BenchOptions {
  readonly rounds: number | undefined;
  readonly minutes: number;
  /** How long each load runs. */
  readonly seconds: number | undefined;
}

/** @returns what removes it again, but for an operator that was there before */
export async function install(target: Target): Promise<() => Promise<void>> {
  const stays = await wasInstalled(target);
  await installOperator(target);
  await target.kubectl(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }),
  });
  await target.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], { input: postgres(target.postgresImage) });
  await target.kubectl(['-n', NAMESPACE, 'rollout', 'status', 'deployment/postgres', '--timeout=120s']);
  return async () => {
    await removeNamespace(target, NAMESPACE);
    if (!stays) await uninstallOperator(target);
  };
}
