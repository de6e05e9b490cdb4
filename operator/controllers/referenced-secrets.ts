/**
 * Reads the Secrets that a pooler refers to, by get, for one reconcile; nothing of them is kept. Which of them changed
 * is known from the watch of their metadata.
 */
import type { ConnectionPooler, SecretKeyRef } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import { get } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { referencedSecrets, type SecretLookup, type SecretValue } from '../plan/credentials.ts';
import type { SecretObject } from './secret-object.ts';

/** Changes whenever one of the referenced Secrets does. */
export function fingerprintSecrets(pooler: ConnectionPooler, secrets: Informer<KubeObject>): string {
  return referencedSecrets(pooler.spec)
    .map((name) => {
      const found = secrets.get(`${pooler.metadata.namespace}/${name}`);
      return `${name}=${found?.metadata.uid ?? 'none'}/${found?.metadata.resourceVersion ?? ''}`;
    })
    .join(',');
}

export async function readSecrets(client: KubeClient, pooler: ConnectionPooler): Promise<SecretLookup> {
  const namespace = pooler.metadata.namespace ?? 'default';
  const found = new Map<string, SecretObject | undefined>(
    await Promise.all(
      referencedSecrets(pooler.spec).map(async (name): Promise<[string, SecretObject | undefined]> => {
        try {
          return [name, await get<SecretObject>(client, SECRETS, namespace, name)];
        } catch (error) {
          if (isNotFound(error)) return [name, undefined];
          throw error;
        }
      }),
    ),
  );
  return (ref) => lookUp(found.get(ref.name), ref);
}

function lookUp(secret: SecretObject | undefined, ref: SecretKeyRef): SecretValue {
  if (secret === undefined) return { found: false, problem: 'does not exist: there is no such Secret' };
  const value = Object.hasOwn(secret.data ?? {}, ref.key) ? secret.data?.[ref.key] : undefined;
  if (value === undefined) {
    const keys = Object.keys(secret.data ?? {});
    return {
      found: false,
      problem: `does not exist: the Secret has ${keys.length === 0 ? 'no keys' : `the keys ${keys.join(', ')}`}`,
    };
  }
  const bytes = Buffer.from(value, 'base64');
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) return { found: false, problem: 'is not UTF-8 text' };
  return { found: true, value: text };
}
