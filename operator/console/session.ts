/**
 * One conversation with PgBouncer's console over TCP. Everything has a deadline and a size, and every error is of the
 * family in errors.ts: a silent, dying or hostile peer costs its deadline and nothing else.
 */
import { connect, type Socket } from 'node:net';
import type { Row } from '../pgbouncer/rows.ts';
import { quotable } from '../pgbouncer/text.ts';
import { createDialogue } from './dialogue.ts';
import {
  type ConsoleError,
  ConsoleProtocolError,
  ConsoleUnreachableError,
  isCommandFailed,
  isConsoleError,
  isLoginRefused,
  LoginRefusedError,
} from './errors.ts';
import { terminate } from './frontend-message.ts';
import { type ClientCertificate, startTls } from './start-tls.ts';
import { firstThatIsTaken } from './ways.ts';
import { createWireGuard, type Violation, type WireLimits } from './wire-guard.ts';

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
  /** For the session as a whole, whatever it does. */
  readonly lifetimeMs?: number;
  /** Ends the session, whatever it does. */
  readonly signal?: AbortSignal;
  /** Seen in SHOW CLIENTS. Default: `poolkeeper`. */
  readonly applicationName?: string;
  /** Default: 4 MiB and 20 000 rows for each answer. */
  readonly limits?: WireLimits;
  /**
   * `ask`: TLS where it is offered. `when-required` (the default): only where nothing else is let in. Either gets in
   * whatever the process was configured to last. `never`: to find out whether that is let in.
   */
  readonly tls?: 'ask' | 'when-required' | 'never';
  /** To show where one is demanded, one after the other until one is taken, and at last none; the newest first. */
  readonly certificates?: readonly ClientCertificate[];
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
  /** SHA-256 of the certificate that the process serves, in hexadecimal; undefined without TLS. */
  readonly fingerprint: string | undefined;
}

const CLOSE_TIMEOUT_MS = 1_000;
const LIMITS: WireLimits = { maxBytes: 4 * 1024 * 1024, maxRows: 20_000 };

/** @throws ConsoleError; and the reason of `signal` is the cause when it ended the session */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { tls = 'when-required', certificates = [] } = options;
  if (tls !== 'ask') {
    try {
      return await open(options, { askForTls: false });
    } catch (error) {
      if (tls === 'never' || !isTlsRequired(error)) throw error;
    }
  }
  // A process that was not reloaded since the newest was made knows the one before, or none: then it takes none either.
  // What it says of a certificate tells more than that it wants one.
  const withCertificate = (certificate: ClientCertificate | undefined): Promise<Session> =>
    open(options, { askForTls: true, certificate });
  return firstThatIsTaken([...certificates, undefined], withCertificate, isHandshakeRefused);
}

async function open(
  options: SessionOptions,
  how: { readonly askForTls: boolean; readonly certificate?: ClientCertificate | undefined },
): Promise<Session> {
  const {
    host,
    port,
    user,
    database = 'pgbouncer',
    connectTimeoutMs = 3_000,
    queryTimeoutMs = 5_000,
    lifetimeMs,
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
    clearTimeout(lifetime);
    end.reject(error);
    socket.destroy();
  };
  const abort = (): void => finish(new ConsoleUnreachableError('given up', { cause: signal?.reason }));
  const expire = (): void => finish(new ConsoleUnreachableError('it took too long altogether', { late: true }));
  const lifetime = lifetimeMs === undefined ? undefined : setTimeout(expire, lifetimeMs);

  let socket: Socket = connect({ host, port, noDelay: true });
  let fingerprint: string | undefined;
  const dialogue = createDialogue(
    { user, database, password: options.password, applicationName: options.applicationName ?? 'poolkeeper' },
    (message) => socket.write(message),
  );
  const guard = createWireGuard(options.limits ?? LIMITS, dialogue.hear);
  const hear = (chunk: Buffer): void => {
    if (ended !== undefined) return;
    try {
      const violation = guard.check(chunk);
      if (violation !== undefined) finish(toError(violation));
    } catch (error) {
      finish(toConsoleError(error));
    }
  };
  // Also when nothing is being asked: an 'error' that nobody listens to would end the process.
  const watchOver = (watched: Socket): void => {
    watched.on('error', (error) => finish(toConsoleError(error)));
    watched.on('close', () => finish(new ConsoleUnreachableError('the connection is closed')));
  };
  watchOver(socket);
  const begin = async (): Promise<void> => {
    if (how.askForTls) {
      const started = await startTls(socket, how.certificate);
      if (started.socket !== socket) watchOver(started.socket);
      ({ socket, fingerprint } = started);
      if (ended !== undefined) socket.destroy();
    }
    socket.on('data', hear).resume();
    // What is said before there is a connection waits for it.
    await dialogue.logIn();
  };

  /** Every wait goes through here: it ends with the work, the deadline, or the session. */
  const within = async <T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> => {
    const detail = `no answer to ${what} within ${timeoutMs / 1000} s`;
    const late = (): void => finish(new ConsoleUnreachableError(detail, { late: true }));
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
    await within(begin(), connectTimeoutMs, 'the login').catch((error: unknown) => finish(toConsoleError(error)));
  }
  if (ended !== undefined) throw ended;

  const ask = async (text: string): Promise<readonly Row[]> => {
    if (ended !== undefined) throw ended;
    guard.nextAnswer();
    try {
      return await within(dialogue.ask(text), queryTimeoutMs, text);
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
      socket.end(terminate());
      await end.promise.catch(() => undefined);
      clearTimeout(timer);
      finish(new ConsoleUnreachableError('the session is closed'));
    },
    get closed() {
      return ended !== undefined;
    },
    fingerprint,
  };
}

const toError = ({ kind, detail }: Violation): ConsoleError =>
  kind === 'unsafe-login' ? new LoginRefusedError(detail) : new ConsoleProtocolError(detail);

/** What PgBouncer says to who does not ask for TLS while it demands it. */
const isTlsRequired = (error: unknown): boolean => isLoginRefused(error) && error.message.includes('SSL required');

/** It demands a certificate and has none, or another one, or does not take this one. */
const isHandshakeRefused = (error: unknown): boolean => isLoginRefused(error) && error.message.includes(HANDSHAKE);
const HANDSHAKE = 'the TLS handshake was refused';

function toConsoleError(error: unknown): ConsoleError {
  if (isConsoleError(error)) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && code.startsWith('ERR_SSL_'))
    return new LoginRefusedError(`${HANDSHAKE}: ${alertOf(code)}`, { cause: error });
  const message = quotable(error instanceof Error ? error.message : String(error));
  return new ConsoleUnreachableError(message, { cause: error });
}

/** `ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED`: `certificate required`. */
const alertOf = (code: string): string =>
  code
    .replace(/^ERR_SSL_(?:\S*ALERT_)?/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
