/**
 * What can go wrong on the console, as a small closed family. Messages name the address, never a password.
 */

abstract class ConsoleFailure extends Error {
  abstract override readonly name: string;
}

/** Nothing answers there: refused, silent past the deadline, gone in the middle, or given up by the caller. */
export class ConsoleUnreachableError extends ConsoleFailure {
  override readonly name = 'ConsoleUnreachableError';
  /** It only did not answer in time: the process may be there, and go on. */
  readonly late: boolean;

  constructor(message: string, { late = false, cause }: { readonly late?: boolean; readonly cause?: unknown } = {}) {
    super(message, { cause });
    this.late = late;
  }
}

/** Something answers and does not let this user in; or it would let in anybody, which is no login either. */
export class LoginRefusedError extends ConsoleFailure {
  override readonly name = 'LoginRefusedError';
}

/** What answers does not speak PgBouncer's protocol, or says more than anybody could want to know. */
export class ConsoleProtocolError extends ConsoleFailure {
  override readonly name = 'ConsoleProtocolError';
}

/** PgBouncer understood the command and refused it; the session goes on. */
export class CommandFailedError extends ConsoleFailure {
  override readonly name = 'CommandFailedError';
}

export type ConsoleError = ConsoleUnreachableError | LoginRefusedError | ConsoleProtocolError | CommandFailedError;

export const isConsoleUnreachable = (error: unknown): error is ConsoleUnreachableError =>
  error instanceof ConsoleUnreachableError;
/** It did not answer in time, which is not to say that it has gone. */
export const isLate = (error: unknown): boolean => isConsoleUnreachable(error) && error.late;
export const isLoginRefused = (error: unknown): error is LoginRefusedError => error instanceof LoginRefusedError;
export const isConsoleProtocol = (error: unknown): error is ConsoleProtocolError =>
  error instanceof ConsoleProtocolError;
export const isCommandFailed = (error: unknown): error is CommandFailedError => error instanceof CommandFailedError;
export const isConsoleError = (error: unknown): error is ConsoleError => error instanceof ConsoleFailure;
