/**
 * A socket that shows its data to a guard before anybody else. Whatever the guard refuses, and whatever makes the
 * driver throw in the middle of a message, ends the connection instead of the process.
 */
import { Socket } from 'node:net';
import { type ConsoleError, ConsoleProtocolError, LoginRefusedError } from './errors.ts';
import type { Violation, WireGuard } from './wire-guard.ts';

export class GuardedSocket extends Socket {
  readonly #guard: WireGuard;
  readonly #onViolation: (error: ConsoleError) => void;

  constructor(guard: WireGuard, onViolation: (error: ConsoleError) => void) {
    super();
    this.#guard = guard;
    this.#onViolation = onViolation;
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    const [chunk] = values;
    if (event !== 'data' || !Buffer.isBuffer(chunk)) return super.emit(event, ...values);
    if (this.destroyed) return true;
    const violation = this.#guard.check(chunk);
    if (violation) {
      this.#onViolation(toError(violation));
      return true;
    }
    try {
      return super.emit(event, chunk);
    } catch (cause) {
      this.#onViolation(new ConsoleProtocolError('what answers is not a PgBouncer console', { cause }));
      return true;
    }
  }
}

const toError = ({ kind, detail }: Violation): ConsoleError =>
  kind === 'unsafe-login' ? new LoginRefusedError(detail) : new ConsoleProtocolError(detail);
