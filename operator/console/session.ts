/**
 * One conversation with PgBouncer's console over TCP. Everything has a deadline and a size, and every error is of the
 * family in errors.ts: a silent, dying or hostile peer costs its deadline and nothing else.
 */
import { Client, DatabaseError } from 'pg';
import type { Row } from '../pgbouncer/rows.ts';
import { quotable } from '../pgbouncer/text.ts';
import {
  CommandFailedError,
  type ConsoleError,
  ConsoleProtocolError,
  ConsoleUnreachableError,
  isCommandFailed,
  isConsoleError,
  LoginRefusedError,
} from './errors.ts';
import { GuardedSocket } from './guarded-socket.ts';
import { createWireGuard, type WireLimits } from './wire-guard.ts';

export interface SessionOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Default: `pgbouncer`, the console. */
  readonly database?: string;
  /** For connecting and the whole login. Default 3000. */
  readonly connectTimeoutMs?: number;
  /** For each command. Default 5000. */
  readonly queryTimeoutMs?: number;
  /** Ends the session, whatever it does. */
  readonly signal?: AbortSignal;
  /** Seen in SHOW CLIENTS. Default: `poolkeeper`. */
  readonly applicationName?: string;
  /** Default: 4 MiB and 20 000 rows for each answer. */
  readonly limits?: WireLimits;
}

export interface Session {
  /** @param what a word after SHOW: `POOLS`; @throws ConsoleError */
  readonly show: (what: string) => Promise<readonly Row[]>;
  /** What PgBouncer answers; before 1.25 it says OK to everything. @throws ConsoleError when it does not answer */
  readonly reload: () => Promise<{ readonly ok: true } | { readonly ok: false; readonly message: string }>;
  /** Any other command, `RECONNECT`. @throws ConsoleError */
  readonly command: (text: string) => Promise<void>;
  /** Says goodbye, and goes after a second also without an answer. Never rejects. */
  readonly close: () => Promise<void>;
  /** Whether nothing more can be asked. */
  readonly closed: boolean;
}

const CLOSE_TIMEOUT_MS = 1_000;
const LIMITS: WireLimits = { maxBytes: 4 * 1024 * 1024, maxRows: 20_000 };

/** @throws ConsoleError; and the reason of `signal` is the cause when it ended the session */
export async function openSession(options: SessionOptions): Promise<Session> {
  const {
    host,
    port,
    user,
    database = 'pgbouncer',
    connectTimeoutMs = 3_000,
    queryTimeoutMs = 5_000,
    signal,
  } = options;
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const end = Promise.withResolvers<never>();
  end.promise.catch(() => undefined);
  let ended: ConsoleError | undefined;
  const finish = (error: ConsoleError): void => {
    if (ended !== undefined) return;
    ended = error;
    error.message = `${where}: ${error.message}`;
    signal?.removeEventListener('abort', abort);
    end.reject(error);
    socket.destroy();
  };
  const abort = (): void => {
    const isLate = signal?.reason instanceof Error && signal.reason.name === 'TimeoutError';
    const why = isLate ? 'it took too long altogether' : 'given up';
    finish(new ConsoleUnreachableError(why, { cause: signal?.reason }));
  };

  const guard = createWireGuard(options.limits ?? LIMITS);
  const socket = new GuardedSocket(guard, finish);
  const client = new Client({
    host,
    port,
    user,
    database,
    // As a function: a string that is empty would be taken from the environment instead.
    password: () => Promise.resolve(options.password),
    application_name: options.applicationName ?? 'poolkeeper',
    stream: () => socket,
    ssl: false,
    types: { getTypeParser: () => (text: string | Buffer) => text },
  });
  // Also when nothing is being asked: an 'error' that nobody listens to would end the process.
  client.on('error', (error) => finish(toConsoleError(error)));
  client.on('end', () => finish(new ConsoleUnreachableError('the connection is closed')));

  /** Every wait goes through here: it ends with the work, the deadline, or the session. */
  const within = async <T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> => {
    const late = (): void => finish(new ConsoleUnreachableError(`no answer to ${what} within ${timeoutMs / 1000} s`));
    const timer = setTimeout(late, timeoutMs);
    try {
      return await Promise.race([work, end.promise]);
    } finally {
      clearTimeout(timer);
    }
  };

  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  else {
    await within(client.connect(), connectTimeoutMs, 'the login').catch((error: unknown) =>
      finish(toLoginError(error)),
    );
  }
  if (ended !== undefined) throw ended;

  const ask = async (text: string): Promise<readonly Row[]> => {
    if (ended !== undefined) throw ended;
    guard.nextAnswer();
    try {
      const { rows } = await within(client.query<Row>({ text }), queryTimeoutMs, text);
      return rows;
    } catch (cause) {
      const error = toConsoleError(cause);
      // What PgBouncer refuses leaves the session as it was; everything else is its end.
      if (!isCommandFailed(error)) finish(error);
      throw ended ?? error;
    }
  };
  // One question at a time: the console takes one, and each has its own deadline and limits.
  let last: Promise<unknown> = Promise.resolve();
  const askInTurn = (text: string): Promise<readonly Row[]> => {
    const answer = last.then(() => ask(text));
    last = answer.catch(() => undefined);
    return answer;
  };

  return {
    show: (what) => askInTurn(`SHOW ${what}`),
    reload: async () => {
      try {
        await askInTurn('RELOAD');
        return { ok: true };
      } catch (error) {
        if (isCommandFailed(error)) return { ok: false, message: error.message };
        throw error;
      }
    },
    command: async (text) => {
      await askInTurn(text);
    },
    close: async () => {
      if (ended !== undefined) return;
      const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
      await Promise.race([client.end(), end.promise]).catch(() => undefined);
      clearTimeout(timer);
      finish(new ConsoleUnreachableError('the session is closed'));
    },
    get closed() {
      return ended !== undefined;
    },
  };
}

function toLoginError(error: unknown): ConsoleError {
  if (isConsoleError(error)) return error;
  if (error instanceof DatabaseError && !isShuttingDown(error))
    return new LoginRefusedError(`login refused: ${quotable(error.message)}`);
  return toConsoleError(error);
}

function toConsoleError(error: unknown): ConsoleError {
  if (isConsoleError(error)) return error;
  if (error instanceof DatabaseError) {
    const fatal = error.severity === 'FATAL' || isShuttingDown(error);
    const said = quotable(error.message);
    return fatal ? new ConsoleUnreachableError(said) : new CommandFailedError(said);
  }
  // The driver stumbles over messages that come out of turn.
  if (error instanceof TypeError)
    return new ConsoleProtocolError('what answers is not a PgBouncer console', { cause: error });
  const message = quotable(error instanceof Error ? error.message : String(error));
  return message.startsWith('SASL')
    ? new ConsoleProtocolError(message)
    : new ConsoleUnreachableError(message, { cause: error });
}

/** Not a word against the user: the process is on its way out. */
const isShuttingDown = (error: DatabaseError): boolean =>
  /shutting down/.test(error.message) || (error.code?.startsWith('57P') ?? false);
