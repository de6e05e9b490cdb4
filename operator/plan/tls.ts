/**
 * Encryption: which settings `spec.tls` makes, and the files that they name. A file is named by a keyed hash of what is
 * in it, not by the revision: PgBouncer from 1.24 on compares names, and reconnects every server when one is another.
 * So it does when a certificate changes, and does not when something else does.
 */
import type { Fault } from '../api/fault.ts';
import type { ClientTls, PoolerSpec, ServerTls } from '../api/types.ts';
import { findSetting } from '../pgbouncer/settings.ts';
import { atLeast, formatVersion, type Version } from '../pgbouncer/version.ts';
import {
  type CertificateFacts,
  type Chain,
  isCipherList,
  isTls13CipherList,
  type Judgement,
  type Problem,
  type Read,
  readAuthorities,
  readChain,
  readKey,
} from './certificate.ts';
import { CONFIG_DIRECTORY, type EffectiveSetting } from './main-section.ts';
import type { SecretLookup, SecretReference } from './secret-references.ts';
import { readServedAuthority, type ServedAuthority } from './served-authority.ts';
import { serviceNames } from './service-names.ts';
import { type FileKey, KINDS, type TlsFiles, tlsFileName } from './tls-files.ts';
import { caReferences, isOn, pairOf, servedAuthorityReferences, servedRef } from './tls-references.ts';

export interface TlsInput {
  readonly spec: PoolerSpec;
  /** Of the pooler. */
  readonly name: string;
  readonly namespace: string;
  readonly version: Version;
  readonly lookup: SecretLookup;
  /** Key of the names of files. */
  readonly revisionKey: string;
  /** What the operator shows to consoles that demand a certificate, newest first. */
  readonly consoleCertificates?: readonly string[] | undefined;
  readonly judgement: Judgement;
}

/** One certificate that is in use, as status and metrics tell it. */
export interface UsedCertificate extends CertificateFacts {
  /** The field that refers to it. */
  readonly field: string;
  readonly secret: string;
}

/** What may be remembered: nothing of it is secret. */
export interface TlsView {
  readonly settings: readonly EffectiveSetting[];
  readonly served?: { readonly mode: Exclude<ClientTls['mode'], 'disable'>; readonly fingerprint: string };
  /** By what clients verify what they are served; read only where connection Secrets tell it. */
  readonly authority?: ServedAuthority & { readonly secret: string };
  readonly certificates: readonly UsedCertificate[];
  /** When the first of those whose time has not come is valid, milliseconds since 1970. */
  readonly validFrom?: number;
  /** Names of the Service that the served certificate is not valid for. */
  readonly uncovered: readonly string[];
  readonly faults: {
    /** What the version or the field itself does not allow. */
    readonly spec: readonly Fault[];
    /** What is wrong in Secrets. */
    readonly certificates: readonly Fault[];
  };
}

export const NO_TLS: TlsView = {
  settings: [],
  certificates: [],
  uncovered: [],
  faults: { spec: [], certificates: [] },
};

export function planTls(input: TlsInput): { readonly view: TlsView; readonly files: TlsFiles } {
  const { spec, name, namespace, version, lookup, revisionKey, judgement } = input;
  const { client, server } = spec.tls ?? {};
  const settings: EffectiveSetting[] = [];
  const files: Record<string, string> = {};
  const certificates: UsedCertificate[] = [];
  const faults: { readonly spec: Fault[]; readonly certificates: Fault[] } = { spec: [], certificates: [] };
  let uncovered: readonly string[] = [];
  let served: TlsView['served'];
  let authority: TlsView['authority'];
  let validFrom = Number.POSITIVE_INFINITY;

  const choose = (key: string, value: string | undefined, source: string): void => {
    if (value !== undefined) settings.push({ key, value, source });
  };
  const put = (key: FileKey, text: string, source: string): void => {
    const file = tlsFileName(KINDS[key], text, revisionKey);
    files[file] = text;
    choose(key, `${CONFIG_DIRECTORY}/${file}`, source);
  };
  const fault = ({ path, ref }: SecretReference, { problem, remedy, until }: Problem): void => {
    if (until !== undefined) validFrom = Math.min(validFrom, until);
    faults.certificates.push({ path, value: `${ref.name}/${ref.key}`, problem, remedy });
  };
  /** What stands behind a reference, when it is sound; a stand-in for what is not at hand is taken as it is. */
  const read = <T>(
    reference: SecretReference,
    judge: (text: string) => Read<T>,
  ): T | { readonly standIn: string } | undefined => {
    const secret = lookup(reference.ref);
    if (!secret.found) {
      fault(reference, { problem: secret.problem, remedy: remedyFor(reference.path) });
      return undefined;
    }
    if (secret.standIn) return { standIn: `${secret.value}\n` };
    const result = judge(secret.value);
    if (result.ok) return result.value;
    fault(reference, result);
    return undefined;
  };

  const putPair = (
    side: 'client' | 'server',
    { path, name: secret }: { readonly path: string; readonly name: string },
    names: readonly string[],
  ): Chain | undefined => {
    const [crt, key] = pairOf({ path, name: secret });
    if (crt === undefined || key === undefined) return undefined;
    const chain = read(crt, (text) => readChain(text, side === 'client' ? 'server' : 'client', names, judgement));
    if (chain === undefined) return undefined;
    const pem = read(key, (text) => ('standIn' in chain ? { ok: true, value: text } : readKey(text, chain)));
    if (pem === undefined) return undefined;
    put(`${side}_tls_cert_file`, 'standIn' in chain ? chain.standIn : chain.text, path);
    put(`${side}_tls_key_file`, typeof pem === 'string' ? pem : pem.standIn, path);
    if ('standIn' in chain) return undefined;
    certificates.push({ ...chain.facts, field: path, secret });
    return chain;
  };
  const putAuthorities = (side: 'client' | 'server', references: readonly SecretReference[]): void => {
    if (references.length === 0) return;
    const texts = new Set<string>();
    for (const reference of references) {
      const bundle = read(reference, (text) => readAuthorities(text, judgement));
      if (bundle === undefined) continue;
      if ('standIn' in bundle) {
        texts.add(bundle.standIn);
        continue;
      }
      for (const { text } of bundle) texts.add(text);
      // The one that counts for longest: old ones stay in a bundle while an authority is replaced.
      const last = bundle.reduce((a, b) => (b.facts.notAfter > a.facts.notAfter ? b : a));
      certificates.push({ ...last.facts, field: reference.path, secret: reference.ref.name });
    }
    if (side === 'client') for (const text of input.consoleCertificates ?? []) texts.add(text);
    put(`${side}_tls_ca_file`, [...texts].join(''), references.map(({ path }) => path).join(', '));
  };
  const chooseProtocol = (side: 'client' | 'server', wanted: ClientTls | ServerTls): void => {
    const path = `spec.tls.${side}`;
    const { minVersion = '1.2', maxVersion = '1.3', ciphers, tls13Ciphers } = wanted;
    const protocols = ['1.2', '1.3'].filter((one) => one >= minVersion && one <= maxVersion);
    choose(`${side}_tls_protocols`, protocols.map((one) => `tlsv${one}`).join(','), `${path}.minVersion`);
    choose(`${side}_tls_ciphers`, ciphers, `${path}.ciphers`);
    if (ciphers !== undefined && !isCipherList(ciphers))
      faults.spec.push({
        path: `${path}.ciphers`,
        value: ciphers,
        problem: 'names no cipher that OpenSSL knows',
        remedy: 'correct it (openssl ciphers -v lists them), or remove it',
      });
    if (tls13Ciphers === undefined) return;
    if (!isTls13CipherList(tls13Ciphers)) {
      faults.spec.push({
        path: `${path}.tls13Ciphers`,
        value: tls13Ciphers,
        problem: 'names a cipher that OpenSSL does not know for TLS 1.3',
        remedy: 'use names like TLS_AES_256_GCM_SHA384, with colons between them, or remove it',
      });
      return;
    }
    const since = findSetting('pgbouncer', `${side}_tls13_ciphers`)?.since ?? '1.25.0';
    if (atLeast(version, since)) choose(`${side}_tls13_ciphers`, tls13Ciphers, `${path}.tls13Ciphers`);
    else
      faults.spec.push({
        path: `${path}.tls13Ciphers`,
        value: tls13Ciphers,
        problem: `needs PgBouncer ${since} or newer, and this pooler has ${formatVersion(version)}`,
        remedy: 'use a newer image, or remove it',
      });
  };

  if (client !== undefined) choose('client_tls_sslmode', client.mode, 'spec.tls.client.mode');
  if (isOn(client)) {
    const chain = putPair('client', servedRef(client, name), [
      ...serviceNames(name, namespace),
      ...(client.certificate?.dnsNames ?? []),
    ]);
    const authorities = caReferences(client, 'spec.tls.client');
    putAuthorities('client', authorities);
    // PgBouncer asks each client for a certificate, also where none is needed, and without this file it looks for the
    // system's authorities: an image that has none does not start ("failed to load CA", 1.18 to 1.26).
    const [own] = Object.entries(files).find(([file]) => file.endsWith(`.${KINDS.client_tls_cert_file}`)) ?? [];
    if (authorities.length === 0 && own !== undefined)
      choose('client_tls_ca_file', `${CONFIG_DIRECTORY}/${own}`, servedRef(client, name).path);
    for (const { ref } of servedAuthorityReferences(spec, name)) {
      const found = readServedAuthority(lookup(ref), chain, judgement);
      if (found !== undefined) authority = { ...found, secret: ref.name };
    }
    chooseProtocol('client', client);
    if (chain !== undefined && client.mode !== 'disable') {
      uncovered = chain.uncovered;
      served = { mode: client.mode, fingerprint: chain.facts.fingerprint };
    }
  }
  if (server !== undefined) choose('server_tls_sslmode', server.mode, 'spec.tls.server.mode');
  if (isOn(server)) {
    putAuthorities('server', caReferences(server, 'spec.tls.server'));
    if (server.certificateSecretRef !== undefined)
      putPair('server', { path: 'spec.tls.server.certificateSecretRef', name: server.certificateSecretRef.name }, []);
    chooseProtocol('server', server);
  }
  return {
    view: {
      settings,
      ...(served && { served }),
      ...(authority && { authority }),
      ...(Number.isFinite(validFrom) && { validFrom }),
      certificates,
      uncovered,
      faults,
    },
    files,
  };
}

const remedyFor = (path: string): string =>
  path === 'spec.tls.client.certificate'
    ? 'wait for cert-manager, or see what it says of the Certificate of this name'
    : 'create it, or correct the reference';
