/**
 * Reads certificates and keys as PgBouncer and its OpenSSL will, before it does: PgBouncer keeps the old ones in silence
 * when it cannot use the new. What is wrong is said without a word of the content.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Fault } from '../api/fault.ts';
import { pem } from './der.ts';

/** What may be said of a certificate: all of it is public. Times in milliseconds since 1970. */
export interface CertificateFacts {
  readonly subject: string;
  /** SHA-256, in hexadecimal. */
  readonly fingerprint: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Problem extends Pick<Fault, 'problem' | 'remedy'> {
  /** When it is none any more by itself, milliseconds since 1970. */
  readonly until?: number;
}

export interface Chain {
  readonly facts: CertificateFacts;
  /** Nothing but the certificates, as PEM. */
  readonly text: string;
  /** Those of the names given that it is not valid for. */
  readonly uncovered: readonly string[];
}

export interface Judgement {
  /** Milliseconds since 1970; without it times are not judged. */
  readonly now?: number | undefined;
  /** Fingerprints of what is in force: that goes on also when its time is over, since nothing better is there. */
  readonly inForce?: ReadonlySet<string> | undefined;
}

export type Read<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & Problem);

const USES = { server: ['1.3.6.1.5.5.7.3.1', 'servers'], client: ['1.3.6.1.5.5.7.3.2', 'clients'] } as const;

/** Reads a certificate with what stands below it, first the one that is shown, each signed by the next. */
export function readChain(
  text: string,
  use: keyof typeof USES,
  names: readonly string[],
  judgement: Judgement,
): Read<Chain> {
  const read = readCertificates(text);
  if (!read.ok) return read;
  const [shown, ...above] = read.value;
  if (shown === undefined) return wrong('holds no certificate', 'put the certificate in PEM there');
  let below = shown;
  for (const [index, certificate] of above.entries()) {
    if (!below.checkIssued(certificate)) {
      return wrong(
        `is no chain: certificate ${index + 2} (${nameOf(certificate)}) did not sign the one before it (${nameOf(below)})`,
        'order them: first the one that is shown, then the one that signed it, and so on',
      );
    }
    below = certificate;
  }
  const [purpose, whom] = USES[use];
  // Without a list it may be used for everything.
  if (shown.keyUsage !== undefined && !shown.keyUsage.includes(purpose))
    return wrong(`is not for ${whom} (extended key usage)`, `issue it for ${whom}`);
  const late = read.value.find((certificate) => timeFault(factsOf(certificate), judgement) !== undefined);
  const time = late && timeFault(factsOf(late), judgement);
  if (late !== undefined && time !== undefined && !judgement.inForce?.has(fingerprintOf(shown)))
    return {
      ok: false,
      ...time,
      ...(late !== shown && { problem: `${time.problem} (${nameOf(late)}, in its chain)` }),
    };
  return {
    ok: true,
    value: {
      facts: factsOf(shown),
      text: read.value.map(pemOf).join(''),
      uncovered: names.filter((name) => shown.checkHost(name) === undefined),
    },
  };
}

/** Reads the key of a certificate; neither it nor what OpenSSL says of its content is repeated. */
export function readKey(text: string, chain: Chain): Read<string> {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (error) {
    const isLocked = error instanceof Error && 'code' in error && String(error.code).includes('PASSPHRASE');
    return /ENCRYPTED/.test(text) || isLocked
      ? wrong('is encrypted, and PgBouncer cannot ask for its password', 'store it without (openssl pkey)')
      : wrong('is no private key in PEM', 'put the key that belongs to tls.crt there');
  }
  if (!new X509Certificate(chain.text).checkPrivateKey(key))
    return wrong('is the key of another certificate', 'put the key that belongs to tls.crt there');
  try {
    createSecureContext({ cert: chain.text, key: text });
  } catch (error) {
    return wrong(...judgementOf(error));
  }
  return { ok: true, value: text.endsWith('\n') ? text : `${text}\n` };
}

/** Reads a bundle of authorities: each certificate of it, in their order. */
export function readAuthorities(
  text: string,
  judgement: Judgement,
): Read<readonly { readonly facts: CertificateFacts; readonly text: string }[]> {
  const read = readCertificates(text);
  if (!read.ok) return read;
  if (read.value.length === 0)
    return wrong('holds no certificate', 'put the certificates of the authorities in PEM there');
  for (const [index, certificate] of read.value.entries()) {
    // A server without an authority is its own: then this is its certificate.
    if (!certificate.ca && !certificate.verify(certificate.publicKey)) {
      return wrong(
        `holds a certificate that is no authority (number ${index + 1}, ${nameOf(certificate)})`,
        'put the certificate of the authority that signed it there',
      );
    }
  }
  const faults = read.value.map((certificate) => timeFault(factsOf(certificate), judgement));
  const known = read.value.some((certificate) => judgement.inForce?.has(fingerprintOf(certificate)));
  const [first] = faults;
  // One that still counts is enough: old ones stay in a bundle while the authority is replaced.
  if (first !== undefined && faults.every((fault) => fault !== undefined) && !known)
    return { ok: false, ...first, problem: `${first.problem}, and with it every certificate of this bundle` };
  try {
    createSecureContext({ ca: read.value.map(pemOf) });
  } catch (error) {
    return wrong(...judgementOf(error));
  }
  return {
    ok: true,
    value: read.value.map((certificate) => ({ facts: factsOf(certificate), text: pemOf(certificate) })),
  };
}

/** All that OpenSSL has for TLS 1.3. */
const TLS13_CIPHERS: ReadonlySet<string> = new Set([
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_128_CCM_SHA256',
  'TLS_AES_128_CCM_8_SHA256',
]);

export const isTls13CipherList = (ciphers: string): boolean =>
  ciphers.split(':').every((cipher) => TLS13_CIPHERS.has(cipher));

/** Whether OpenSSL finds a cipher in a list; words of PgBouncer's own are lists. */
export function isCipherList(ciphers: string): boolean {
  if (/^(default|secure|compat|legacy|insecure|all|normal|fast)$/.test(ciphers)) return true;
  try {
    createSecureContext({ ciphers });
    return true;
  } catch {
    return false;
  }
}

export const fingerprintOf = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(':', '').toLowerCase();

function readCertificates(text: string): Read<readonly X509Certificate[]> {
  const labels = [...text.matchAll(/-----BEGIN ([^-]*)-----/g)].map(([, label = '']) => label);
  if (labels.some((label) => label.endsWith('PRIVATE KEY')))
    return wrong('holds a private key, which does not belong to certificates', 'remove it there, and replace that key');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length !== labels.length || labels.length === 0)
    return wrong('is not made of certificates in PEM', 'put certificates there, each from BEGIN to END CERTIFICATE');
  const certificates: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      return wrong(`holds a certificate that cannot be read (number ${index + 1})`, 'replace it by the whole of it');
    }
  }
  return { ok: true, value: certificates };
}

/** Made anew, so that nothing that stood around it goes along. */
const pemOf = ({ raw }: X509Certificate): string => pem('CERTIFICATE', raw);

const factsOf = (certificate: X509Certificate): CertificateFacts => ({
  subject: nameOf(certificate),
  fingerprint: fingerprintOf(certificate),
  notBefore: certificate.validFromDate.getTime(),
  notAfter: certificate.validToDate.getTime(),
});

/** `CN=app`, or the first of its other names. */
function nameOf({ subject, subjectAltName }: X509Certificate): string {
  const lines = (subject ?? '').split('\n').filter((line) => line !== '');
  return lines.find((line) => line.startsWith('CN=')) ?? lines[0] ?? subjectAltName?.split(', ')[0] ?? 'without a name';
}

function timeFault({ notBefore, notAfter }: CertificateFacts, { now }: Judgement): Problem | undefined {
  if (now === undefined) return undefined;
  if (notAfter <= now)
    return { problem: `expired on ${dayOf(notAfter)}`, remedy: 'renew it; what is in force was not replaced' };
  return notBefore > now
    ? {
        problem: `is not valid before ${new Date(notBefore).toISOString()}`,
        remedy: 'wait, or correct the clock',
        until: notBefore,
      }
    : undefined;
}

export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** What OpenSSL holds against it, at the security level of the distribution that PgBouncer's image is made of. */
function judgementOf(error: unknown): readonly [problem: string, remedy: string] {
  const reason = error instanceof Error && 'reason' in error ? String(error.reason) : 'it does not say why';
  return [
    `is refused by OpenSSL: ${reason}`,
    'issue it with RSA of 2048 bits or an elliptic curve, signed with SHA-256',
  ];
}

const wrong = (problem: string, remedy: string): { readonly ok: false } & Problem => ({ ok: false, problem, remedy });
