/** Authorities and certificates for tests, sound ones and such as nobody should take; no program is needed for them. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, element, extension, integer, literal, pem, sequence, set, text, time } from '../der.ts';

/** PEM texts. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export interface Request {
  readonly commonName: string;
  /** DNS names and IPv4 addresses. */
  readonly names?: readonly string[];
  /** Without one it signs itself. */
  readonly issuer?: Issued;
  readonly use?: 'authority' | 'server' | 'client' | 'anything';
  /** Milliseconds since 1970. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly keys?: 'ec' | 'rsa-1024' | 'rsa-2048';
}

const ECDSA_SHA256 = sequence(literal('06082a8648ce3d040302'));
const RSA_SHA256 = sequence(literal('06092a864886f70d01010b'), literal('0500'));
const USAGES = { server: '06082b06010505070301', client: '06082b06010505070302' } as const;
const DAY_MS = 86_400_000;

const nameOf = (commonName: string): Buffer => sequence(set(sequence(literal('0603550403'), text(commonName))));

export function issue(request: Request): Issued {
  const { commonName, names = [], issuer, use = 'anything', keys = 'ec' } = request;
  const now = Date.now();
  const { notBefore = now - DAY_MS, notAfter = now + 365 * DAY_MS } = request;
  const { publicKey, privateKey } =
    keys === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      : generateKeyPairSync('rsa', { modulusLength: keys === 'rsa-1024' ? 1024 : 2048 });
  const signer = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const algorithm = signer.asymmetricKeyType === 'ec' ? ECDSA_SHA256 : RSA_SHA256;
  const issuerName =
    issuer === undefined ? commonName : new X509Certificate(issuer.certificate).subject.replace(/^CN=/, '');
  const extensions = [
    extension('0603551d13', true, use === 'authority' ? sequence(literal('0101ff')) : sequence()),
    ...(use === 'authority' ? [extension('0603551d0f', true, literal('03020106'))] : []),
    ...(use === 'server' || use === 'client' ? [extension('0603551d25', false, sequence(literal(USAGES[use])))] : []),
    ...(names.length === 0 ? [] : [extension('0603551d11', false, sequence(...names.map(alternative)))]),
  ];
  const content = sequence(
    element(0xa0, literal('020102')),
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    algorithm,
    nameOf(issuerName),
    sequence(time(notBefore), time(notAfter)),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...extensions)),
  );
  return {
    certificate: pem('CERTIFICATE', sequence(content, algorithm, bits(sign('sha256', content, signer)))),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

export const issueAuthority = (commonName: string, request: Partial<Request> = {}): Issued =>
  issue({ commonName, use: 'authority', ...request });

const alternative = (name: string): Buffer =>
  isIP(name) === 4 ? element(0x87, Buffer.from(name.split('.').map(Number))) : element(0x82, Buffer.from(name));
