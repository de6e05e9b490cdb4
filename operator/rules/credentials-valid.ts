/**
 * CredentialsValid: every Secret that is referred to is there and holds what PgBouncer can use. What it can use only with
 * a reservation (a verifier, an md5 hash) is said here, and is no reason to stop.
 */
import type { Condition } from '../api/types.ts';
import type { Finding, Situation } from './situation.ts';
import { describeFaults } from './stalled.ts';

/** @param before what was found when the Secrets were read last: an operator that was just started does not read them */
export function credentialsValid(situation: Situation, before?: Condition): Finding {
  const { credentials } = situation.faults;
  const missing = credentials.some((fault) => fault.problem.startsWith('does not exist'));
  if (credentials.length > 0)
    return {
      status: 'False',
      reason: missing ? 'SecretMissing' : 'SecretInvalid',
      message: describeFaults(credentials),
    };
  const warnings = situation.credentialWarnings;
  if (warnings === undefined && before?.status === 'True')
    return { status: 'True', reason: before.reason, message: before.message };
  return warnings === undefined || warnings.length === 0
    ? { status: 'True', reason: 'Valid', message: 'all referenced Secrets are there and well formed' }
    : { status: 'True', reason: 'ValidWithWarnings', message: describeFaults(warnings) };
}
