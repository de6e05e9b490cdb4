/**
 * Reads the Secrets that a pooler refers to, by get, for one reconcile; nothing of them is kept. Which of them changed
 * is known from the watch of their metadata.
 */

import type { ConnectionPooler, SecretKeyRef } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import { getIfThere } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { listed } from '../pgbouncer/listed.ts';
import {
  referencedSecrets,
  type SecretLookup,
  type SecretReference,
  type SecretValue,
  secretReferences,
} from '../plan/secret-references.ts';
import { allEnded } from '../runtime/all-ended.ts';
import { createPace } from './pace.ts';
import type { SecretObject } from './secret-object.ts';

/** Changes whenever one of the referenced Secrets does. */
export function fingerprintSecrets(pooler: ConnectionPooler, secrets: Informer<KubeObject>): string {
  return referencedSecrets(pooler.spec, pooler.metadata.name)
    .map((name) => fingerprintSecret(pooler, secrets, name))
    .join(',');
}

/** The same of one of them. */
export function fingerprintSecret(pooler: ConnectionPooler, secrets: Informer<KubeObject>, name: string): string {
  const found = secrets.get(`${pooler.metadata.namespace}/${name}`);
  return `${name}=${found?.metadata.uid ?? 'none'}/${found?.metadata.resourceVersion ?? ''}`;
}

/** Secrets that are read at the same time: each may have a megabyte, and a pooler may refer to hundreds. */
const AT_ONCE = 8;
/** All that one revision may have: a userlist can be as long, a password is not. What is longer is not even decoded. */
const LONGEST_BYTES = 512 * 1024;

export async function readSecrets(client: KubeClient, pooler: ConnectionPooler): Promise<SecretLookup> {
  const namespace = pooler.metadata.namespace ?? 'default';
  const wanted = Map.groupBy(secretReferences(pooler.spec, pooler.metadata.name), ({ ref }) => ref.name);
  const found = new Map<string, SecretValue>();
  const place = createPace(AT_ONCE);
  const broken = new AbortController();
  const read = async (name: string, references: readonly SecretReference[]): Promise<void> => {
    const secret = await getIfThere<SecretObject>(client, SECRETS, namespace, name);
    // Only what is referred to outlives the read.
    for (const { ref } of references) {
      const at = placeOf(ref);
      if (!found.has(at)) found.set(at, lookUp(secret, ref));
    }
  };
  const readings = [...wanted].map(([name, references]) => place(() => read(name, references), broken.signal));
  // Those that wait for their turn have the same end.
  for (const reading of readings) reading.catch((error: unknown) => broken.abort(error));
  await allEnded(readings);
  return (ref) => found.get(placeOf(ref)) ?? MISSING;
}

/** What was read before it was known that it is needed, and of which Secrets that was. */
export interface ReadAhead {
  readonly fingerprint: string;
  readonly lookup: SecretLookup;
}

export async function readAhead(
  client: KubeClient,
  pooler: ConnectionPooler,
  secrets: Informer<KubeObject>,
): Promise<ReadAhead> {
  // First: what is read is as new as what the watch has shown, or newer, and never older.
  const fingerprint = fingerprintSecrets(pooler, secrets);
  return { fingerprint, lookup: await readSecrets(client, pooler) };
}

/** No Secret's name has a slash in it. */
const placeOf = ({ name, key }: SecretKeyRef): string => `${name}/${key}`;

const MISSING: SecretValue = { found: false, problem: 'does not exist: there is no such Secret' };

function lookUp(secret: SecretObject | undefined, ref: SecretKeyRef): SecretValue {
  if (secret === undefined) return MISSING;
  const value = Object.hasOwn(secret.data ?? {}, ref.key) ? secret.data?.[ref.key] : undefined;
  if (value === undefined) {
    const keys = Object.keys(secret.data ?? {});
    return {
      found: false,
      problem: `does not exist: the Secret has ${keys.length === 0 ? 'no keys' : `the keys ${listed(keys, KEYS_NAMED)}`}`,
    };
  }
  const bytes = Buffer.byteLength(value, 'base64');
  if (bytes > LONGEST_BYTES)
    return { found: false, problem: `has ${bytes} bytes, and no more than ${LONGEST_BYTES} are read` };
  const content = Buffer.from(value, 'base64');
  const text = content.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(content)) return { found: false, problem: 'is not UTF-8 text' };
  return { found: true, value: text };
}

/** A Secret may have thousands. */
const KEYS_NAMED = 10;
