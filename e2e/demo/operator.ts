/** The operator as a user installs it: with Helm, from charts/poolkeeper. */
import type { Target } from './target.ts';

export const SYSTEM = 'poolkeeper-system';

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

export async function uninstallOperator(target: Target): Promise<void> {
  await target.helm(['uninstall', 'poolkeeper', '--namespace', SYSTEM, '--wait', '--ignore-not-found']);
}
