/**
 * The certificate that the operator shows to consoles which demand one. It is signed by its own key, so that it is its
 * own authority: a bundle that holds it admits this one key and nobody that an authority might sign later. Node reads
 * certificates and does not issue them; the one that is needed here is some four hundred bytes of DER, which is less to
 * understand and to keep safe than a library with the dozen packages it brings.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { bits, element, extension, integer, literal, pem, sequence, set, text, time } from '../plan/der.ts';

/** PEM texts. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateInput {
  readonly commonName: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** 2.5.4.3 */
const COMMON_NAME = literal('0603550403');
/** 1.2.840.10045.4.3.2 */
const ECDSA_SHA256 = sequence(literal('06082a8648ce3d040302'));
const VERSION_3 = element(0xa0, literal('020102'));
/** basicConstraints, 2.5.29.19 */
const NOT_AN_AUTHORITY = extension('0603551d13', true, sequence());
/** keyUsage, 2.5.29.15: digitalSignature */
const SIGNS_ONLY = extension('0603551d0f', true, literal('03020780'));
/** extKeyUsage, 2.5.29.37: clientAuth, 1.3.6.1.5.5.7.3.2 */
const FOR_CLIENTS = extension('0603551d25', false, sequence(literal('06082b06010505070302')));

export function createConsoleCertificate({ commonName, notBefore, notAfter }: CertificateInput): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const name = sequence(set(sequence(COMMON_NAME, text(commonName))));
  const content = sequence(
    VERSION_3,
    integer(serialNumber()),
    ECDSA_SHA256,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(NOT_AN_AUTHORITY, SIGNS_ONLY, FOR_CLIENTS)),
  );
  const signature = sign('sha256', content, privateKey);
  return {
    certificate: pem('CERTIFICATE', sequence(content, ECDSA_SHA256, bits(signature))),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Positive, and never the same twice. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes;
}
