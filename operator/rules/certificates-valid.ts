/**
 * CertificatesValid: what `spec.tls` refers to is there, is sound, and has time left. It turns before anything breaks,
 * and turns also when nothing happens but time.
 */
import { dayOf } from '../plan/certificate.ts';
import type { UsedCertificate } from '../plan/tls.ts';
import type { Finding, Situation } from './situation.ts';
import { describeFaults } from './stalled.ts';

const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;

/** When a person should look: two weeks ahead, or in the last quarter of a life that is shorter than eight. */
export const soonAt = ({ notBefore, notAfter }: Pick<UsedCertificate, 'notBefore' | 'notAfter'>): number =>
  notAfter - Math.min(SOON_MS, (notAfter - notBefore) / 4);

const ISSUED = 'spec.tls.client.certificate';

export function certificatesValid({ tls, issuing, now }: Situation): Finding {
  const faults = tls?.faults.certificates ?? [];
  const [issued] = faults.filter(({ path, problem }) => path === ISSUED && problem.startsWith('does not exist'));
  if (issued !== undefined && faults.every(({ path }) => path === ISSUED)) {
    return {
      status: 'False',
      reason: 'WaitingForIssuer',
      message: `${describeFaults([issued])}${issuing === undefined ? '' : `. ${issuing}`}`,
    };
  }
  if (faults.length > 0) {
    const message = describeFaults(faults);
    const some = (problem: string): boolean => faults.some((fault) => fault.problem.startsWith(problem));
    if (some('does not exist')) return { status: 'False', reason: 'SecretMissing', message };
    if (some('expired')) return { status: 'False', reason: 'Expired', message };
    return { status: 'False', reason: 'CertificateInvalid', message };
  }
  const byTime = (tls?.certificates ?? []).toSorted((a, b) => a.notAfter - b.notAfter);
  const [first] = byTime;
  if (first === undefined) return { status: 'True', reason: 'NotUsed', message: 'spec.tls refers to no certificate' };
  const why = issuing === undefined ? '' : `. ${issuing}`;
  const expired = byTime.filter(({ notAfter }) => notAfter <= now);
  if (expired.length > 0) {
    return { status: 'False', reason: 'Expired', message: `${expired.map(describe).join('. ')}; renew it${why}` };
  }
  const soon = byTime.filter((certificate) => soonAt(certificate) <= now);
  if (soon.length > 0) {
    return { status: 'False', reason: 'ExpiresSoon', message: `${soon.map(describe).join('. ')}; renew it${why}` };
  }
  if (tls?.authority !== undefined && 'unusable' in tls.authority) {
    const { secret, unusable } = tls.authority;
    return {
      status: 'True',
      reason: 'AuthorityUnusable',
      message: `${secret}/ca.crt, by which applications would verify the served certificate, ${unusable.problem}: connection Secrets go without it; ${unusable.remedy}`,
    };
  }
  if (tls !== undefined && tls.uncovered.length > 0) {
    return {
      status: 'True',
      reason: 'NamesNotCovered',
      message: `the served certificate is not valid for ${tls.uncovered.join(', ')}: clients that verify the name need another one; issue it for these, or use the names that it has`,
    };
  }
  return { status: 'True', reason: 'Valid', message: `all are sound; the first to end: ${describe(first)}` };
}

const describe = ({ field, secret, subject, notAfter }: UsedCertificate): string =>
  `${field}: ${subject} of Secret ${secret} ends on ${dayOf(notAfter)}`;
