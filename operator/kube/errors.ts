/**
 * What can go wrong between the operator and the Kubernetes API: a closed family, each with a literal name and a guard.
 * No message holds what was sent, and none repeats what the server says about the contents of a Secret.
 */

/** The server answered, and the answer is no. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** As in metav1.Status: `NotFound`, `Conflict`, … */
  readonly reason: string;
  /** When the server says it is worth asking again. */
  readonly retryAfterSeconds: number | undefined;
  /** What is wrong in detail: for an Invalid object, each field. */
  readonly causes: readonly FieldCause[];
  /** What was asked for, `write services/app`, and what the server said without the frame of `message`. */
  readonly refused: { readonly call: string; readonly said: string } | undefined;

  constructor(
    status: number,
    reason: string,
    message: string,
    options: {
      readonly retryAfterSeconds?: number | undefined;
      readonly causes?: readonly FieldCause[];
      readonly refused?: { readonly call: string; readonly said: string };
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.reason = reason;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.causes = options.causes ?? [];
    this.refused = options.refused;
  }
}

export interface FieldCause {
  /** As in metav1.StatusCause: `FieldValueInvalid`, `NamespaceTerminating`, … */
  readonly reason: string;
  /** Empty when it is about no field. */
  readonly field: string;
  readonly message: string;
}

/** There was no answer, or only a part of one. A write may have happened all the same. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  /** True when nothing of the request can have reached the server. */
  readonly unsent: boolean;

  constructor(message: string, options: { readonly unsent: boolean; readonly cause?: unknown }) {
    super(message, { cause: options.cause });
    this.unsent = options.unsent;
  }
}

/** The server was silent for too long. A write may have happened all the same. */
export class RequestTimeout extends Error {
  override readonly name = 'RequestTimeout';
  /** What was to be written: `write services/app`; nothing of a read. */
  readonly call: string | undefined;

  constructor(message: string, call?: string) {
    super(message);
    this.call = call;
  }
}

/** What came is not what the API speaks: no JSON, half a line, an event without an object. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export type KubeError = ApiError | ConnectionError | RequestTimeout | ProtocolError;

const hasStatus =
  (status: number) =>
  (error: unknown): error is ApiError =>
    error instanceof ApiError && error.status === status;

export const isNotFound = hasStatus(404);
export const isInvalid = hasStatus(422);
/** Somebody else was faster: version, fields or the object itself are not what was expected. */
export const isConflict = (error: unknown): error is ApiError =>
  (hasStatus(409)(error) && error.reason !== 'AlreadyExists') ||
  // A patch that states the uid of an object which has been replaced is called invalid.
  (isInvalid(error) && error.causes.some(({ field }) => field === 'metadata.uid'));
export const isAlreadyExists = (error: unknown): error is ApiError =>
  hasStatus(409)(error) && error.reason === 'AlreadyExists';
/** The resource version is too old: list anew. */
export const isGone = hasStatus(410);
export const isUnauthorized = hasStatus(401);
export const isForbidden = hasStatus(403);
/** Nothing can be created there any more: what it was for is being deleted too. */
export const isNamespaceTerminating = (error: unknown): error is ApiError =>
  isForbidden(error) && error.causes.some(({ reason }) => reason === 'NamespaceTerminating');

/** The server does not take the object as it is, and never will: of types that do not fit, it says so with a 500. */
export const isUnacceptable = (error: unknown): error is ApiError =>
  !isConflict(error) && (isInvalid(error) || hasStatus(400)(error) || hasStatus(413)(error) || isMistyped(error));
const isMistyped = (error: unknown): error is ApiError =>
  hasStatus(500)(error) && /failed to (create typed patch object|convert new object)/.test(error.message);

/** Worth trying again as it is, later. */
export const isTransient = (error: unknown): error is KubeError =>
  error instanceof ApiError
    ? error.status === 429 || error.status >= 500
    : error instanceof ConnectionError || error instanceof RequestTimeout || error instanceof ProtocolError;
