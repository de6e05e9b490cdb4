/** What the Kubernetes API answers when it does not do what was asked; messages never hold what was sent. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** As in metav1.Status: `NotFound`, `Conflict`, … */
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    reason: string,
    message: string,
    options: { readonly retryAfterSeconds?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.reason = reason;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

const hasStatus =
  (status: number) =>
  (error: unknown): error is ApiError =>
    error instanceof ApiError && error.status === status;

export const isNotFound = hasStatus(404);
export const isConflict = (error: unknown): error is ApiError =>
  hasStatus(409)(error) && error.reason !== 'AlreadyExists';
export const isAlreadyExists = (error: unknown): error is ApiError =>
  hasStatus(409)(error) && error.reason === 'AlreadyExists';
/** The resource version is too old: list anew. */
export const isGone = hasStatus(410);
export const isForbidden = hasStatus(403);
export const isInvalid = hasStatus(422);
/** Worth trying again as it is. */
export const isTransient = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
