/**
 * Whether a process speaks TLS to clients as it was told to. SHOW CONFIG does not tell: when the files of a certificate
 * cannot be used, PgBouncer shows their new names and serves the old ones. So it is asked as clients ask it.
 */
import { isLoginRefused } from './errors.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

/** What clients must meet; of a process without TLS there is none. */
export interface ServedTls {
  readonly mode: 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly fingerprint: string;
}

/**
 * @param fresh a session that asked for TLS, opened after the RELOAD
 * @param how another login like that
 * @returns what is wrong
 * @throws ConsoleError when the process cannot be asked to the end
 */
export async function proveCertificate(
  fresh: Session,
  served: ServedTls | undefined,
  how: SessionOptions,
): Promise<string | undefined> {
  if (served === undefined)
    return fresh.fingerprint === undefined ? undefined : 'TLS is still offered to clients, and is to be off';
  if (fresh.fingerprint === undefined) return 'TLS is not offered to clients';
  if (fresh.fingerprint !== served.fingerprint)
    return `the certificate with SHA-256 ${fresh.fingerprint} is served, expected ${served.fingerprint}`;
  if (served.mode === 'allow' || served.mode === 'prefer') return undefined;
  if (await letsIn({ ...how, tls: 'never' })) return 'clients are let in without TLS';
  const demands = served.mode !== 'require';
  if (demands && (await letsIn({ ...how, tls: 'ask', certificates: [] })))
    return 'clients are let in without a certificate';
  return undefined;
}

async function letsIn(options: SessionOptions): Promise<boolean> {
  try {
    const session = await openSession(options);
    await session.close();
    return true;
  } catch (error) {
    if (isLoginRefused(error)) return false;
    throw error;
  }
}
