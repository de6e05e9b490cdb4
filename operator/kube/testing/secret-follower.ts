/**
 * A process that follows Secrets as the operator does, reads the contents of one, takes in a write of it, and then writes
 * everything that is still on its heap to a file. With `keep` it holds on to the contents, so that a test of it can fail.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';
import { apiAccess } from '../access.ts';
import { createKubeClient } from '../client.ts';
import { createInformer } from '../informer.ts';
import type { KubeObject } from '../objects.ts';
import { get, mergePatch } from '../operations.ts';
import { SECRETS } from '../resources.ts';

const [kubeconfig, namespace = '', name = '', snapshot = '', keep] = process.argv.slice(2);
const client = createKubeClient(await apiAccess({ file: kubeconfig }, {}), { userAgent: 'poolkeeper-test' });
const informer = createInformer(client, SECRETS, { namespaces: [namespace], metadataOnly: true });
informer.start(new AbortController().signal);
await informer.synced();

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}
/** Reads and writes it, and returns only how long the contents were. */
async function useContents(): Promise<number> {
  const secret = await get<Secret>(client, SECRETS, namespace, name);
  const written = await mergePatch<Secret>(client, SECRETS, namespace, name, { metadata: { labels: { seen: 'yes' } } });
  informer.observed(written);
  if (keep) Object.assign(globalThis, { kept: written });
  return Buffer.from(secret.data?.['password'] ?? '', 'base64').length;
}
const length = await useContents();
// What a connection has received is let go of when the next answer comes.
await get(client, SECRETS, namespace, 'other');
await sleep(100);
for (let round = 0; round < 3; round += 1) globalThis.gc?.();
writeHeapSnapshot(snapshot);
process.stdout.write(JSON.stringify({ length, cached: informer.list().length }));
process.exit(0);
