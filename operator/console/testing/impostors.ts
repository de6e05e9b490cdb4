/**
 * What may answer on a pod's address in place of PgBouncer, each with what the operator must say of it. Those of the
 * first list never get as far as a session; those of the second know the operator's passwords, as a PgBouncer that was
 * broken into does, and lie in their answers.
 */
import type { Socket } from 'node:net';
import { answer, columns, READY, row, serveConsole } from './console-server.ts';
import { authentication, message } from './wire.ts';

export interface Impostor {
  readonly does: string;
  /** What the operator says of it. */
  readonly fault: RegExp;
  /** Called for each connection. */
  readonly act: (socket: Socket, passwords: Readonly<Record<string, string>>) => unknown;
}

const ESCAPE = '\x1b]0;owned\x07\x1b[2J\u009b31m\u202e';
const NOT_A_CONSOLE = /not a PgBouncer console/;
const SILENT = /no answer to .* within 3 s/;

/** Writes without end, as fast as it is read. */
function flood(socket: Socket, piece: Buffer): void {
  const more = (): void => {
    while (socket.writable && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}

/** One byte now and then: each is an answer, and none is the end of one. */
function dribble(socket: Socket, bytes: Buffer, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (at < bytes.length) socket.write(bytes.subarray(at, at + 1));
    at += 1;
  }, everyMs);
  socket.on('close', () => clearInterval(timer));
}

type Step = 'startup' | 'first' | 'final';

/** Begins as a console would, and does something else at one step of the login. */
const at =
  (step: Step, act: (socket: Socket, nonce: string) => unknown): Impostor['act'] =>
  (socket, passwords) =>
    serveConsole(socket, {
      passwordOf: (user) => passwords[user] ?? '',
      onCommand: () => undefined,
      onStep: (now, own, nonce) => {
        if (now !== step) return false;
        act(own, nonce);
        return true;
      },
    });

const write =
  (bytes: Buffer) =>
  (socket: Socket): unknown =>
    socket.write(bytes);
const reset = (socket: Socket): unknown => socket.resetAndDestroy();
const RESET = /ECONNRESET|terminated|closed/;
const iterations = (number: number) =>
  at('first', (socket, nonce) => socket.write(authentication(11, `r=${nonce}more,s=c2FsdA==,i=${number}`)));

export const BEFORE_LOGIN: readonly Impostor[] = [
  { does: 'accepts and is silent', fault: SILENT, act: () => undefined },
  {
    does: 'speaks another protocol',
    fault: NOT_A_CONSOLE,
    act: write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
  },
  { does: 'sends a length shorter than itself', fault: NOT_A_CONSOLE, act: write(message('S', '', 3)) },
  { does: 'announces two GiB', fault: /a message of 2147483648 bytes/, act: write(message('N', 'Mx', 0x7fffffff)) },
  {
    does: 'sends notices without end',
    fault: /more than 65536 bytes/,
    act: (socket) => flood(socket, message('N', `M${'x'.repeat(60_000)}\0\0`)),
  },
  {
    does: 'sends half a message',
    fault: SILENT,
    act: write(message('N', 'Mhalf', 100)),
  },
  { does: 'answers TLS to whoever did not ask', fault: SILENT, act: write(Buffer.from('S')) },
  { does: 'sends an error without an end', fault: NOT_A_CONSOLE, act: write(message('E', 'SFATAL\0Mno end')) },
  { does: 'sends a text without a terminator', fault: NOT_A_CONSOLE, act: write(message('S', 'server_version')) },
  {
    does: 'dribbles notices past every deadline',
    fault: SILENT,
    act: (socket) => dribble(socket, message('N', `M${'x'.repeat(10_000)}\0\0`), 5),
  },
  { does: 'resets the connection at once', fault: RESET, act: reset },
  { does: 'resets the connection after the startup', fault: RESET, act: at('startup', reset) },
  { does: 'resets the connection within SCRAM', fault: RESET, act: at('first', reset) },
  { does: 'resets the connection at the end of SCRAM', fault: RESET, act: at('final', reset) },
  {
    does: 'asks for the password in clear',
    fault: /only SCRAM is answered/,
    act: at('startup', write(authentication(3))),
  },
  {
    does: 'asks for the password as an md5 hash',
    fault: /only SCRAM is answered/,
    act: at('startup', write(authentication(5, 'salt'))),
  },
  {
    does: 'lets anybody in',
    fault: /lets anybody in/,
    act: at('startup', write(Buffer.concat([authentication(0), READY]))),
  },
  {
    does: 'goes on with SCRAM for ever',
    fault: /SASL|more than 65536 bytes/,
    act: (socket) => {
      socket.write(authentication(10, 'SCRAM-SHA-256\0\0'));
      socket.on('data', () => socket.write(authentication(10, 'SCRAM-SHA-256\0\0')));
    },
  },
  { does: 'asks for 2^31 iterations', fault: /2147483648 iterations/, act: iterations(2 ** 31) },
  { does: 'asks for a hundred million iterations', fault: /100000000 iterations/, act: iterations(1e8) },
  {
    does: 'proves itself with a wrong signature',
    fault: /SASL.*signature/i,
    act: at('final', write(Buffer.concat([authentication(12, `v=${'A'.repeat(43)}=`), authentication(0), READY]))),
  },
  {
    does: 'refuses the login with escapes and a megabyte',
    fault: /login refused: \\u001b\]0;owned/,
    act: at('startup', write(message('E', `SFATAL\0C28P01\0M${ESCAPE}${'x'.repeat(50_000)}\0\0`))),
  },
];

/** Answers every command in the same way. */
const always =
  (act: (socket: Socket) => unknown): Impostor['act'] =>
  (socket, passwords) =>
    serveConsole(socket, { passwordOf: (user) => passwords[user] ?? '', onCommand: (_command, own) => act(own) });

const CONFIG = ['key', 'value', 'default', 'changeable'];
const manyColumns = Array.from({ length: 65_535 }, (_, index) => `c${index}`);

export const AFTER_LOGIN: readonly Impostor[] = [
  { does: 'does not answer commands', fault: SILENT, act: always(() => undefined) },
  { does: 'resets the connection at the first command', fault: RESET, act: always(reset) },
  {
    does: 'sends rows without end',
    fault: /more than 20000 rows/,
    act: always((socket) => {
      socket.write(columns(['key']));
      flood(socket, Buffer.concat(Array.from({ length: 1_000 }, () => row(['a']))));
    }),
  },
  {
    does: 'sends strings of a megabyte',
    fault: /more than 4194304 bytes|characters/,
    act: always((socket) => {
      socket.write(columns(CONFIG));
      flood(socket, row(['x'.repeat(1_000_000), null, null, null]));
    }),
  },
  {
    does: 'dribbles an answer past every deadline',
    fault: SILENT,
    act: always((socket) => dribble(socket, answer(CONFIG, [['k', 'v'.repeat(5_000), '', 'no']]), 5)),
  },
  { does: 'names 65535 columns', fault: NOT_A_CONSOLE, act: always(write(answer(manyColumns, []))) },
  {
    does: 'sends rows wider than its columns',
    fault: NOT_A_CONSOLE,
    act: always(write(Buffer.concat([columns(['a']), row(['1', '2', '3']), READY]))),
  },
  { does: 'ends an answer that it did not begin', fault: /still on/, act: always(write(READY)) },
  {
    does: 'has other columns than it should',
    fault: /column key is missing/,
    act: always(write(answer(['__proto__', 'constructor', 'toString'], [['a', 'b', null]]))),
  },
  {
    does: 'sends NULL for everything',
    fault: /column key is missing/,
    act: always(write(answer(CONFIG, [[null, null, null, null]]))),
  },
  {
    does: 'says that it is on a revision made of escapes',
    fault: /\\u001b\]0;owned/,
    act: always(write(answer(CONFIG, [['syslog_ident', `${ESCAPE}${'x'.repeat(10_000)}`, '', 'yes']]))),
  },
  {
    does: 'refuses every command with escapes',
    fault: /\\u001b\]0;owned/,
    act: always(write(Buffer.concat([message('E', `SERROR\0C08P01\0M${ESCAPE}\0\0`), READY]))),
  },
];

const POOLS =
  'database user cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait maxwait_us pool_mode'.split(
    ' ',
  );
const pool = (database: string, figure: string): readonly string[] => [
  database,
  'app',
  ...POOLS.slice(2, -1).map(() => figure),
  'transaction',
];

/** Says that it is the right version, and lies about its pools. */
const pools =
  (act: (socket: Socket) => unknown): Impostor['act'] =>
  (socket, passwords) =>
    serveConsole(socket, {
      passwordOf: (user) => passwords[user] ?? '',
      onCommand: (command, own) => {
        if (command === 'SHOW VERSION') own.write(answer(['version'], [['PgBouncer 1.26.1']]));
        else if (command === 'SHOW POOLS') act(own);
        else if (command === 'SHOW CONFIG') own.write(answer(CONFIG, [['syslog_ident', 'somebody', '', 'yes']]));
        else own.write(answer([], []));
      },
    });

/** Seen only by whoever looks at pools. */
export const IN_POOLS: readonly Impostor[] = [
  {
    does: 'has a million pools',
    fault: /more than 5000 rows/,
    act: pools((socket) => {
      socket.write(columns(POOLS));
      flood(socket, Buffer.concat(Array.from({ length: 1_000 }, (_, index) => row(pool(`d${index}`, '1')))));
    }),
  },
  {
    does: 'counts to infinity',
    fault: /column cl_active is no number/,
    act: pools(write(answer(POOLS, [pool('app', '1e400')]))),
  },
  {
    does: 'counts further than a process can',
    fault: /beyond what PgBouncer counts/,
    act: pools(write(answer(POOLS, [pool('app', '9'.repeat(19))]))),
  },
  { does: 'counts in words', fault: /is no number/, act: pools(write(answer(POOLS, [pool('app', 'many')]))) },
  {
    does: 'names a pool with a megabyte',
    fault: /column database has 1000000 characters/,
    act: pools(write(answer(POOLS, [pool('d'.repeat(1_000_000), '1')]))),
  },
  { does: 'has pools without columns', fault: /column database is missing/, act: pools(write(answer([], [[]]))) },
];

/** A pool whose name would clear a terminal: any client that may use `*` can make one, so it is shown, spelled out. */
export const ESCAPED_POOL: Impostor = {
  does: 'has a pool with a name made of escapes',
  fault: /\\u001b\]0;owned/,
  act: pools(write(answer(POOLS, [pool(ESCAPE, '1')]))),
};
