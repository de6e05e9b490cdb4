/** Reads the answer of a refused request: a metav1.Status from the API server, or anything at all from what stands before it. */
import type { IncomingHttpHeaders } from 'node:http';
import { denierIn, describeCall } from './denial.ts';
import { ApiError, type FieldCause } from './errors.ts';

/** The part of metav1.Status that is used. */
interface Status {
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly causes?: readonly unknown[]; readonly retryAfterSeconds?: unknown } | null;
}

export interface RefusedRequest {
  readonly method: string;
  /** Without the query: selectors belong to no message. */
  readonly path: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const MESSAGE_LIMIT = 1_000;

export function statusError({ method, path, status, headers, body }: RefusedRequest): ApiError {
  const parsed = parseStatus(body);
  const reason = typeof parsed.reason === 'string' && parsed.reason !== '' ? parsed.reason : `Status${status}`;
  const said = typeof parsed.message === 'string' ? parsed.message : 'the answer is no Status of the API server';
  // What is wrong with a Secret is told by quoting it, and policies say what they like. Other refusals (permission, quota,
  // conflict) name only objects.
  const denier = denierIn(said);
  const quotes =
    /\/secrets(\/|$)/.test(path) &&
    (status === 400 || status === 415 || status === 422 || status >= 500 || denier !== undefined);
  const withheld = `${denier === undefined ? '' : `${denier}: `}what the server says may quote the Secret, and is withheld`;
  const message = quotes ? withheld : said.slice(0, MESSAGE_LIMIT);
  return new ApiError(status, reason, `${method} ${path}: ${status} ${reason}: ${message}`, {
    refused: { call: describeCall(method, path), said: message },
    retryAfterSeconds: seconds(headers['retry-after']) ?? seconds(parsed.details?.retryAfterSeconds),
    causes: causesOf(parsed).map((cause) => (quotes ? { ...cause, message: 'withheld' } : cause)),
  });
}

/** An ERROR event of a watch, which carries a Status in the place of an object. */
export function watchError(path: string, status: unknown): ApiError {
  const { code } = isObject(status) ? (status as { readonly code?: unknown }) : {};
  return statusError({
    method: 'WATCH',
    path,
    status: typeof code === 'number' ? code : 500,
    headers: {},
    body: JSON.stringify(status),
  });
}

function parseStatus(text: string): Status {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function causesOf({ details }: Status): readonly FieldCause[] {
  const causes = isObject(details) && Array.isArray(details.causes) ? details.causes : [];
  return causes
    .filter(isObject)
    .map((cause: { readonly reason?: unknown; readonly field?: unknown; readonly message?: unknown }) => ({
      reason: String(cause.reason ?? ''),
      field: String(cause.field ?? ''),
      message: String(cause.message ?? '').slice(0, MESSAGE_LIMIT),
    }));
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Dates are allowed there too, and not used by the API server. */
function seconds(value: unknown): number | undefined {
  const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isFinite(number) && number > 0 ? number : undefined;
}
