/** The operator as a user installs it: with Helm, from charts/poolkeeper. */
import type { Target } from './target.ts';

export const SYSTEM = 'poolkeeper-system';

const CRD = 'connectionpoolers.poolkeeper.dev';

/**
 * Whether the cluster had the operator before. @throws Error when that is somebody's own cluster: installing over it,
 * and removing it afterwards, would take their poolers with it
 */
export async function wasInstalled(target: Target): Promise<boolean> {
  const found = await target.kubectl(['get', 'crd', CRD, '--ignore-not-found', '-o', 'name']);
  if (found !== '' && target.foreign) {
    throw new Error(`${target.name} has Poolkeeper already; name a cluster without it, or leave out --context`);
  }
  return found !== '';
}

export async function installOperator(target: Target): Promise<void> {
  const release = [
    'upgrade',
    '--install',
    'poolkeeper',
    'charts/poolkeeper',
    '--namespace',
    SYSTEM,
    '--create-namespace',
  ];
  await target.helm([...release, '--wait', '--timeout', '2m', ...target.operatorValues]);
}

/** With its CRD, and so with all poolers. */
export async function uninstallOperator(target: Target): Promise<void> {
  await target.helm(['uninstall', 'poolkeeper', '--namespace', SYSTEM, '--wait', '--ignore-not-found']);
  await target.kubectl(['delete', 'crd', CRD, '--ignore-not-found']);
  await target.kubectl(['delete', 'namespace', SYSTEM, '--ignore-not-found', '--timeout=120s']);
}
