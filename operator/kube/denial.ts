/**
 * Whom the API server obeyed when it said no: a quota, a policy or a webhook, or its own table of permissions. No object
 * is wrong then, and it is no use to hurry: somebody has to change a rule, and the same request is taken afterwards.
 */
import { ApiError, isNamespaceTerminating, RequestTimeout } from './errors.ts';

export interface Denial {
  /** `unanswered`: a webhook that must be asked does not answer. `silence`: nobody said anything, for as long as we wait. */
  readonly by: 'quota' | 'policy' | 'permission' | 'unanswered' | 'silence';
  /** What was to be done, and with what: `write services/app`. */
  readonly call: string;
  /** What the server says, as it says it. */
  readonly said: string;
}

/** Undefined for every other failure. */
export function denialOf(error: unknown): Denial | undefined {
  if (isNamespaceTerminating(error)) return undefined;
  if (error instanceof RequestTimeout && error.call !== undefined)
    return { by: 'silence', call: error.call, said: error.message };
  if (!(error instanceof ApiError) || error.refused === undefined) return undefined;
  const { call, said } = error.refused;
  const by = whoSays(error.status, said);
  return by === undefined ? undefined : { by, call, said };
}

function whoSays(status: number, said: string): Denial['by'] | undefined {
  if (UNANSWERED.test(said)) return 'unanswered';
  // Policies choose the status: without a word of theirs it is the one of an object that is not valid.
  if (DENIER.test(said)) return 'policy';
  if (status !== 403) return undefined;
  if (/\b(exceeded|insufficient|unknown for) quota\b/.test(said)) return 'quota';
  return /\bcannot (\w+ resource|set blockOwnerDeletion)\b/.test(said) ? 'permission' : 'policy';
}

const UNANSWERED = /failed calling webhook "[^"]+"/;
const DENIER =
  /ValidatingAdmissionPolicy '[\w.-]+' with binding '[\w.-]+' denied request|admission webhook "[\w.-]+" denied the request/;

/** The part of what the server says that names who denied it, without their words: these may quote the object. */
export const denierIn = (said: string): string | undefined => (UNANSWERED.exec(said) ?? DENIER.exec(said))?.[0];

const VERBS: Readonly<Record<string, string>> = { GET: 'read', WATCH: 'watch', DELETE: 'delete' };

/** `write services/app`, from a request to `/api/v1/namespaces/shop/services/app`. */
export function describeCall(method: string, path: string): string {
  const parts = path.replace(/^\/(api|apis\/[^/]+)\/[^/]+\/(namespaces\/[^/]+\/)?/, '');
  return `${VERBS[method] ?? 'write'} ${decodeURIComponent(parts)}`;
}
