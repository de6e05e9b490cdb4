/**
 * The operator's own logins to a pooler's console, and the key of its revisions. Generated once, kept in the pooler's
 * admin Secret, and the only Secret content that stays in memory: without it every observation would be a read.
 */
import { createHash, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { ADMIN_USER, adminSecretName, STATS_USER } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/objects.ts';
import { get, getIfThere } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { derivedSalt, scramVerifier } from '../pgbouncer/scram-verifier.ts';
import type { OperatorPasswords } from '../plan/credentials.ts';
import { adminSecret, type PlannedObject } from '../plan/objects.ts';
import { applyChild, type ChildWriter, type Collision, createChild } from './children.ts';
import { createConsoleCertificate, type KeyPair } from './console-certificate.ts';
import type { SecretObject } from './secret-object.ts';

export interface AdminCredentials {
  readonly admin: string;
  readonly stats: string;
  readonly revisionKey: string;
  /** What stands in the userlist for the two; derived at the first call. */
  readonly verifiers: () => OperatorPasswords;
  /** Changes when any of them does. */
  readonly fingerprint: string;
  /**
   * Changes when password and key were lost at the same time: part of the template revision, for then no running process
   * can be asked, only replaced. Either alone is replaced while pods run, see doors.ts.
   */
  readonly epoch: string;
  /** For consoles that demand a certificate, newest first; none until a pooler does. Not part of the fingerprint. */
  readonly certificates: readonly KeyPair[];
  /** Milliseconds since 1970, when the newest is to be replaced; undefined while there is none. */
  readonly renewAt: number | undefined;
}

const CERTIFICATE = { certificate: 'console.crt', key: 'console.key' } as const;
/** Kept beside the newest: processes that were not reloaded since then know no other. */
const PREVIOUS = { certificate: 'previous-console.crt', key: 'previous-console.key' } as const;

const DAY_MS = 86_400_000;
/** Renewed after a year, and good for two more: a pooler that was suspended meanwhile still lets the operator in. */
const CERTIFICATE_DAYS = { renewed: 365, valid: 3 * 365 } as const;

const KEYS = { admin: 'password', stats: 'stats-password', revisionKey: 'revision-key' } as const;
const EPOCH = 'epoch';

export interface AdminCredentialStore {
  /** Reads or creates. Leader only. */
  ensure(pooler: ConnectionPooler, writer: ChildWriter): Promise<AdminCredentials | Collision>;
  /** Reads, or undefined when there is none yet. For every replica. */
  peek(pooler: ConnectionPooler): Promise<AdminCredentials | undefined>;
  /** Takes what somebody has read, as `peek` would have. */
  learn(pooler: ConnectionPooler, secret: SecretObject): void;
  forget(key: string): void;
  /** The same, reading over another client: one that ends with a reconcile. */
  through(client: KubeClient): AdminCredentialStore;
}

type Known = Map<string, { readonly version: string; readonly credentials: AdminCredentials }>;

/** @param secretVersion the resourceVersion of a Secret as the watch last saw it, undefined when it saw none */
export function createAdminCredentialStore(
  client: KubeClient,
  secretVersion: (namespace: string, name: string) => string | undefined,
  known: Known = new Map(),
  now: () => number = Date.now,
): AdminCredentialStore {
  const keyOf = ({ metadata: { namespace = 'default', name, uid } }: ConnectionPooler): string =>
    `${namespace}/${name}/${uid}`;
  const keep = (pooler: ConnectionPooler, secret: KubeObject, credentials: AdminCredentials): void => {
    known.set(keyOf(pooler), { version: secret.metadata.resourceVersion ?? '', credentials });
  };
  const learn = (pooler: ConnectionPooler, secret: SecretObject): AdminCredentials | undefined => {
    const own = secret.metadata.ownerReferences?.some((owner) => owner.uid === pooler.metadata.uid) ?? false;
    const complete = own ? parse(secret) : undefined;
    if (complete) keep(pooler, secret, complete);
    return complete;
  };
  const read = async (
    pooler: ConnectionPooler,
  ): Promise<{ readonly complete?: AdminCredentials; readonly found: SecretObject | undefined }> => {
    const { namespace = 'default', name } = pooler.metadata;
    const secret = adminSecretName(name);
    const key = keyOf(pooler);
    const seen = secretVersion(namespace, secret);
    const kept = known.get(key);
    if (kept !== undefined && (seen === undefined || seen === kept.version))
      return { complete: kept.credentials, found: undefined };
    const found = await getIfThere<SecretObject>(client, SECRETS, namespace, secret);
    // The watch will say that it is gone; until then what is known is right.
    if (found === undefined) return { found, ...(kept && { complete: kept.credentials }) };
    const complete = learn(pooler, found);
    return { found, ...(complete ? { complete } : {}) };
  };
  /**
   * For a pooler that has no Secret, as far as the watch has seen: none yet, or it was deleted while its content is known
   * here, which is then put back, since every process knows it. Undefined when the watch is late.
   */
  const createMissing = async (
    pooler: ConnectionPooler,
    writer: ChildWriter,
  ): Promise<AdminCredentials | undefined> => {
    const { namespace = 'default', name } = pooler.metadata;
    if (secretVersion(namespace, adminSecretName(name)) !== undefined) return undefined;
    const kept = known.get(keyOf(pooler))?.credentials;
    const data = kept
      ? contentOf(kept)
      : Object.fromEntries([...Object.values(KEYS), EPOCH].map((key) => [key, generate()]));
    const certificates = kept?.certificates ?? (demandsCertificate(pooler) ? [newCertificate(now())] : []);
    const stored = await createChild(writer, SECRETS, secretOf(pooler, data, certificates));
    return stored === 'conflict' ? undefined : learn(pooler, stored);
  };

  return {
    through: (other) => createAdminCredentialStore(other, secretVersion, known, now),
    peek: async (pooler) => (await read(pooler)).complete,
    ensure: async (pooler, writer) => {
      const created = await createMissing(pooler, writer);
      if (created) return created;
      const { complete, found: seen } = await read(pooler);
      const needsCertificate =
        demandsCertificate(pooler) && (complete?.renewAt === undefined || complete.renewAt <= now());
      // A Secret from before there were epochs is given the one that its pods were made with.
      const hasEpoch = seen === undefined || decode(seen.data?.[EPOCH]) !== undefined;
      if (complete && !needsCertificate && hasEpoch) return complete;
      const found =
        seen ?? (complete && (await get<SecretObject>(client, SECRETS, namespaceOf(pooler), nameOf(pooler))));
      const sound = (key: string): string | undefined => decode(found?.data?.[key]);
      const isLost = sound(KEYS.admin) === undefined && sound(KEYS.revisionKey) === undefined;
      const epoch = complete?.epoch ?? (isLost ? undefined : sound(EPOCH)) ?? generate();
      // Keep what is sound of a damaged Secret: only what is missing is generated anew.
      const kept = Object.values(KEYS).map((key) => [key, sound(key) ?? generate()] as const);
      const data = { ...Object.fromEntries(kept), [EPOCH]: epoch };
      const pairs = pairsIn(found);
      const certificates = needsCertificate ? [newCertificate(now()), ...pairs] : pairs;
      const result = await applyChild(writer, pooler, SECRETS, secretOf(pooler, data, certificates), found);
      if (result.kind === 'collision') return result;
      const written = result.kind === 'written' ? learn(pooler, result.stored) : undefined;
      if (written === undefined)
        throw new Error(`Secret ${adminSecretName(pooler.metadata.name)} was written and is not complete`);
      return written;
    },
    learn: (pooler, secret) => void learn(pooler, secret),
    forget: (key) => {
      for (const entry of known.keys()) if (entry.startsWith(`${key}/`)) known.delete(entry);
    },
  };
}

const secretOf = (
  pooler: ConnectionPooler,
  data: Readonly<Record<string, string>>,
  [newest, previous]: readonly KeyPair[],
): PlannedObject =>
  adminSecret(pooler, {
    username: ADMIN_USER,
    'stats-username': STATS_USER,
    ...data,
    ...dataOf(CERTIFICATE, newest),
    ...dataOf(PREVIOUS, previous),
  });

const contentOf = ({ admin, stats, revisionKey, epoch }: AdminCredentials): Readonly<Record<string, string>> => ({
  [KEYS.admin]: admin,
  [KEYS.stats]: stats,
  [KEYS.revisionKey]: revisionKey,
  [EPOCH]: epoch,
});

const namespaceOf = ({ metadata }: ConnectionPooler): string => metadata.namespace ?? 'default';
const nameOf = ({ metadata }: ConnectionPooler): string => adminSecretName(metadata.name);

/** Where there is a bundle of authorities the operator's certificate belongs into it. */
const demandsCertificate = ({ spec }: ConnectionPooler): boolean => spec.tls?.client?.caSecretRef !== undefined;

/** A little older than it is, for clocks that are behind. */
const newCertificate = (at: number): KeyPair =>
  createConsoleCertificate({
    commonName: ADMIN_USER,
    notBefore: at - DAY_MS,
    notAfter: at + CERTIFICATE_DAYS.valid * DAY_MS,
  });

const dataOf = (names: KeyPair, pair: KeyPair | undefined): Readonly<Record<string, string>> =>
  pair === undefined ? {} : { [names.certificate]: pair.certificate, [names.key]: pair.key };

/** Those that can be used; a damaged one is as good as none. */
function pairsIn(secret: SecretObject | undefined): readonly KeyPair[] {
  return [CERTIFICATE, PREVIOUS].flatMap((names) => {
    const [certificate, key] = [names.certificate, names.key].map((name) =>
      Buffer.from(secret?.data?.[name] ?? '', 'base64').toString(),
    );
    if (!certificate || !key) return [];
    try {
      return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)) ? [{ certificate, key }] : [];
    } catch {
      return [];
    }
  });
}

const generate = (): string => randomBytes(32).toString('base64url');

function parse(secret: SecretObject): AdminCredentials | undefined {
  const admin = decode(secret.data?.[KEYS.admin]);
  const stats = decode(secret.data?.[KEYS.stats]);
  const revisionKey = decode(secret.data?.[KEYS.revisionKey]);
  if (admin === undefined || stats === undefined || revisionKey === undefined) return undefined;
  const fingerprint = createHash('sha256').update([admin, stats, revisionKey].join('\0')).digest('hex').slice(0, 16);
  let verifiers: OperatorPasswords | undefined;
  const certificates = pairsIn(secret);
  const [newest] = certificates;
  return {
    admin,
    stats,
    revisionKey,
    fingerprint,
    epoch: decode(secret.data?.[EPOCH]) ?? fingerprint,
    certificates,
    renewAt:
      newest && new X509Certificate(newest.certificate).validFromDate.getTime() + CERTIFICATE_DAYS.renewed * DAY_MS,
    verifiers: () => {
      verifiers ??= {
        // Only the operator logs in with it, and it is 256 random bits; the other one is for exporters too.
        admin: scramVerifier(admin, derivedSalt(revisionKey, ADMIN_USER), 1),
        stats: scramVerifier(stats, derivedSalt(revisionKey, STATS_USER)),
      };
      return verifiers;
    },
  };
}

function decode(value: string | undefined): string | undefined {
  const text = value === undefined ? '' : Buffer.from(value, 'base64').toString();
  return /^[\x21-\x7e]{16,}$/.test(text) ? text : undefined;
}
