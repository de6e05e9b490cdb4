/** When a pooler must be looked at again because of its certificates, although nothing will have happened. */
import type { TlsView } from '../plan/tls.ts';
import { soonAt } from '../rules/certificates-valid.ts';

/** Never later than a day: clocks are set, and sleep. */
const LONGEST_MS = 86_400_000;
/** A little after the moment, so that it has come. */
const AFTER_MS = 1_000;

/** @returns milliseconds from now; undefined when there is none to wait for */
export function nextCertificateEvent(tls: TlsView | undefined, now: number): number | undefined {
  const moments = (tls?.certificates ?? []).flatMap((certificate) => [soonAt(certificate), certificate.notAfter]);
  if (tls?.validFrom !== undefined) moments.push(tls.validFrom);
  if (moments.length === 0) return undefined;
  const next = Math.min(...moments.filter((at) => at > now));
  return Math.min(LONGEST_MS, next - now + AFTER_MS);
}
