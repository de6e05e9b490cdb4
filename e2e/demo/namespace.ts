/** Removes a namespace with poolers in it, quickly. */
import type { Target } from './target.ts';

/**
 * Its pods go first: Kubernetes looks at a namespace that it deletes again only after half of the longest grace period
 * in it, and a pooler may take five minutes to drain.
 */
export async function removeNamespace(target: Target, name: string): Promise<void> {
  if ((await target.kubectl(['get', 'namespace', name, '--ignore-not-found', '-o', 'name'])) === '') return;
  const inside = ['-n', name];
  await target.kubectl([
    ...inside,
    'delete',
    'jobs,deployments',
    '--wait=false',
    '-l',
    '!app.kubernetes.io/managed-by',
  ]);
  await target.kubectl([...inside, 'delete', 'cpool', '--all', '--ignore-not-found']);
  const pods = (): Promise<string> => target.kubectl([...inside, 'get', 'pods', '-o', 'name']);
  if ((await pods()) !== '')
    await target.kubectl([...inside, 'wait', '--for=delete', 'pod', '--all', '--timeout=120s']);
  await target.kubectl(['delete', 'namespace', name, '--timeout=120s']);
}
