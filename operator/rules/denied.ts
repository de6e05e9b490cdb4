/** What somebody else keeps the operator from doing, by a rule or by silence: which object, who says so in which words, and the way out. */
import { quotable } from '../pgbouncer/text.ts';
import type { Finding, Situation } from './situation.ts';

type Denied = NonNullable<Situation['denied']>;

const WORDS = {
  quota: { reason: 'QuotaExceeded', what: 'is denied by a quota', remedy: 'raise the quota, or free what it counts' },
  policy: {
    reason: 'AdmissionDenied',
    what: 'is denied by admission',
    remedy: 'change that policy, or what it objects to',
  },
  permission: {
    reason: 'PermissionMissing',
    what: 'is not permitted to the operator',
    remedy: 'install the roles that come with this version of the operator, or grant it that permission',
  },
  unanswered: {
    reason: 'AdmissionUnavailable',
    what: 'waits for an admission webhook that does not answer',
    remedy: 'see why it does not',
  },
  silence: {
    reason: 'RequestTimeout',
    what: 'was not answered',
    remedy: 'see whether an admission webhook hangs, or the API server',
  },
} as const satisfies Readonly<Record<Denied['by'], object>>;

/** Which object, and by whom; for a sentence. */
export const deniedCall = ({ by, call }: Denied): string => `"${quotable(call)}" ${WORDS[by].what}`;

/** Nobody has decided anything: it may pass by itself. */
export const isUndecided = ({ by }: Denied): boolean => by === 'unanswered' || by === 'silence';

export function describeDenied(denied: Denied): Finding {
  const { reason, remedy } = WORDS[denied.by];
  return {
    status: 'True',
    reason,
    message: `${deniedCall(denied)}: ${quotable(denied.said)}; ${remedy}. What runs goes on, and it is tried again${denied.by === 'silence' ? '' : ' every half a minute'}`,
  };
}
