/** What `validate` says of certificates that can be used and will not do: names they lack, and an end that is near. */
import { type Warning, warning } from '../api/warning.ts';
import { dayOf } from '../plan/certificate.ts';
import type { TlsView } from '../plan/tls.ts';
import { soonAt } from './certificates-valid.ts';

/** @param now milliseconds since 1970; without it nothing is said of time */
export function certificateWarnings(
  { certificates, uncovered, authority }: TlsView,
  now: number | undefined,
): readonly Warning[] {
  const ending = certificates.filter((certificate) => now !== undefined && soonAt(certificate) <= now);
  return [
    ...ending.map(({ field, secret, subject, notAfter }) =>
      warning('CertificateEndsSoon', {
        path: field,
        value: secret,
        problem: `holds a certificate (${subject}) that ends on ${dayOf(notAfter)}`,
        remedy: 'renew it',
      }),
    ),
    ...(authority === undefined || 'text' in authority
      ? []
      : [
          warning('AuthorityUnusable', {
            path: 'spec.connectionSecrets',
            value: `${authority.secret}/ca.crt`,
            ...authority.unusable,
          }),
        ]),
    ...(uncovered.length === 0
      ? []
      : [
          warning('CertificateLacksNames', {
            path: 'spec.tls.client.secretRef',
            value: uncovered.join(', '),
            problem: 'holds a certificate that is not valid for these names of the Service',
            remedy: 'issue it for them, or let clients that verify the name use one that it has',
          }),
        ]),
  ];
}
