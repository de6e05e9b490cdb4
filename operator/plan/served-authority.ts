/**
 * By what applications verify the certificate that they meet: `ca.crt` in the Secret it comes from, where cert-manager and
 * others put it. Nothing that runs needs it, so that nothing waits for it; one that would mislead is not handed on.
 */
import { X509Certificate } from 'node:crypto';
import { type Chain, type Judgement, type Problem, readAuthorities } from './certificate.ts';
import type { SecretValue } from './secret-references.ts';

export type ServedAuthority =
  /** PEM. */
  | { readonly text: string }
  /** Why it is of no use. */
  | { readonly unusable: Pick<Problem, 'problem' | 'remedy'> };

/**
 * @param served undefined when the certificate itself is not at hand
 * @returns undefined when there is none: not every issuer tells its own
 */
export function readServedAuthority(
  secret: SecretValue,
  served: Chain | undefined,
  judgement: Judgement,
): ServedAuthority | undefined {
  if (!secret.found || secret.value.trim() === '') return undefined;
  if (secret.standIn) return { text: `${secret.value}\n` };
  const read = readAuthorities(secret.value, judgement);
  if (!read.ok) return { unusable: read };
  const text = read.value.map((authority) => authority.text).join('');
  if (served === undefined) return { text };
  const authorities = read.value.map((authority) => new X509Certificate(authority.text));
  return certificatesIn(served.text).some((certificate) => authorities.some((one) => vouches(one, certificate)))
    ? { text }
    : {
        unusable: {
          problem: `holds authorities of which none signed the certificate that is served (${served.facts.subject})`,
          remedy: 'put the authority of tls.crt there, or remove ca.crt',
        },
      };
}

const vouches = (authority: X509Certificate, certificate: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);

const certificatesIn = (chain: string): readonly X509Certificate[] =>
  (chain.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  );
