/**
 * The order in which a console and its client speak over one connection: a login by SCRAM, then one question at a time.
 * It knows no clock and no socket: what arrives is handed to it, and what it says is handed on.
 */
import type { Row } from '../pgbouncer/rows.ts';
import { quotable } from '../pgbouncer/text.ts';
import { type Complaint, columnsOf, complaintOf, valuesOf } from './backend-message.ts';
import { CommandFailedError, ConsoleProtocolError, ConsoleUnreachableError, LoginRefusedError } from './errors.ts';
import { query, saslBegin, saslContinue, startup } from './frontend-message.ts';
import { MECHANISM, type ScramLogin, scramLogin } from './scram-login.ts';

export interface Dialogue {
  /** Says who wants in; resolves when the console is ready. @throws ConsoleError, as `hear` does */
  readonly logIn: () => Promise<void>;
  /** Not before the last question was answered. @throws CommandFailedError when the console refuses it */
  readonly ask: (text: string) => Promise<readonly Row[]>;
  /** Takes a well-formed message. @throws ConsoleError, which ends the dialogue: nothing that is asked will be answered */
  readonly hear: (type: string, body: Buffer) => void;
}

export interface Speaker {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly applicationName: string;
}

/** What an authentication message is about: its first word. */
const AUTHENTICATION = { ok: 0, begin: 10, goOn: 11, over: 12 } as const;

type Login = {
  readonly at: 'login';
  readonly scram: ScramLogin;
  /** The authentication that comes next; none when only the console's readiness is waited for. */
  readonly next: number | undefined;
  readonly done: () => void;
};
type Question = {
  readonly at: 'question';
  columns: readonly string[];
  readonly rows: Row[];
  refused: CommandFailedError | undefined;
  readonly done: (rows: readonly Row[]) => void;
  readonly fail: (error: CommandFailedError) => void;
};
type State = { readonly at: 'silence' } | Login | Question;

const SILENCE: State = { at: 'silence' };

export function createDialogue(speaker: Speaker, say: (message: Buffer) => void): Dialogue {
  let state: State = SILENCE;

  const authenticate = (login: Login, kind: number, text: string): void => {
    if (kind !== login.next)
      throw new ConsoleProtocolError('SASL out of turn: what answers is not a PgBouncer console');
    switch (kind) {
      case AUTHENTICATION.begin:
        if (!text.split('\0').includes(MECHANISM))
          throw new ConsoleProtocolError(`SASL: the server does not offer ${MECHANISM}`);
        say(saslBegin(MECHANISM, login.scram.first));
        state = { ...login, next: AUTHENTICATION.goOn };
        return;
      case AUTHENTICATION.goOn:
        say(saslContinue(login.scram.answer(text)));
        state = { ...login, next: AUTHENTICATION.over };
        return;
      case AUTHENTICATION.over:
        login.scram.verify(text);
        state = { ...login, next: AUTHENTICATION.ok };
        return;
      default:
        state = { ...login, next: undefined };
    }
  };
  const beReady = (): void => {
    const before = state;
    state = SILENCE;
    if (before.at === 'login' && before.next === undefined) before.done();
    else if (before.at !== 'question') throw outOfTurn();
    else if (before.refused === undefined) before.done(before.rows);
    else before.fail(before.refused);
  };
  const complain = (complaint: Complaint): void => {
    const said = quotable(complaint.message);
    // Not a word against the user: the process is on its way out.
    const isShuttingDown = /shutting down/.test(complaint.message) || complaint.code.startsWith('57P');
    if (state.at === 'login' && !isShuttingDown) throw new LoginRefusedError(`login refused: ${said}`);
    if (state.at !== 'question' || isShuttingDown || complaint.severity === 'FATAL')
      throw new ConsoleUnreachableError(said);
    state.refused ??= new CommandFailedError(said);
  };

  return {
    logIn: () =>
      new Promise((done) => {
        state = { at: 'login', scram: scramLogin(speaker.password), next: AUTHENTICATION.begin, done };
        const { user, database, applicationName } = speaker;
        say(startup({ user, database, client_encoding: 'UTF8', application_name: applicationName }));
      }),
    ask: (text) =>
      new Promise((done, fail) => {
        state = { at: 'question', columns: [], rows: [], refused: undefined, done, fail };
        say(query(text));
      }),
    hear: (type, body) => {
      switch (type) {
        case 'R':
          if (state.at !== 'login') throw outOfTurn();
          return authenticate(state, body.readUInt32BE(0), body.toString('utf8', 4));
        case 'T':
          if (state.at !== 'question') throw outOfTurn();
          state.columns = columnsOf(body);
          return;
        case 'D':
          if (state.at !== 'question') throw outOfTurn();
          state.rows.push(rowOf(state.columns, valuesOf(body)));
          return;
        case 'E':
          return complain(complaintOf(body));
        case 'Z':
          return beReady();
        default:
        // Notices, parameters, the key of a cancellation, the end of a command: nothing that anybody here reads.
      }
    },
  };
}

function rowOf(columns: readonly string[], values: readonly (string | null)[]): Row {
  if (columns.length !== values.length) throw outOfTurn();
  const row: Record<string, string | null> = {};
  // Each look at a process reads some two hundred rows: what a loop over entries leaves behind is most of all garbage.
  columns.forEach((column, index) => {
    row[column] = values[index] ?? null;
  });
  return row;
}

const outOfTurn = (): ConsoleProtocolError => new ConsoleProtocolError('what answers is not a PgBouncer console');
