/** CredentialsValid: every Secret that is referred to is there and holds what PgBouncer can use. */

import type { Finding, Situation } from './situation.ts';
import { describeFaults } from './stalled.ts';

export function credentialsValid(situation: Situation): Finding {
  const { credentials } = situation.faults;
  if (credentials.length === 0)
    return { status: 'True', reason: 'Valid', message: 'all referenced Secrets are there and well formed' };
  const missing = credentials.some((fault) => fault.problem.startsWith('does not exist'));
  return { status: 'False', reason: missing ? 'SecretMissing' : 'SecretInvalid', message: describeFaults(credentials) };
}
