/**
 * Finds in PgBouncer's log why it refuses a configuration, or why it cannot reach a server. What is quoted is cut down
 * to file, line and key: on errors PgBouncer prints whole connection strings, passwords included.
 */
import { cutText } from '../api/fault.ts';

/** `2026-11-21 09:00:00.000 UTC [1] ERROR invalid value "…" for parameter x in configuration (/etc/…:15)` */
const LINE = /\b(ERROR|WARNING|FATAL)\b:? (.*)$/;
const LIMIT = 200;

/** What PgBouncer says of files, as opposed to clients and servers, whose lines carry a socket's address. */
const ABOUT_FILES =
  /syntax error|unknown parameter|invalid value|in configuration|config file|auth file|auth_file|hba|TLS setup|TLS configuration|(client|server)_tls_|cannot create|too long|main section|unknown section/i;
/** A file that is not there yet is no complaint, and the summary of a failed reload says nothing. */
const SAYS_NOTHING = /No such file|config file loading failed|RELOAD failed/i;

/** The first complaint about a configuration, or undefined when there is none. */
export function explainLog(log: string): string | undefined {
  for (const line of log.split('\n')) {
    const said = LINE.exec(line)?.[2];
    if (said === undefined || /\b[CS]-0x[0-9a-f]+/.test(said) || SAYS_NOTHING.test(said) || !ABOUT_FILES.test(said))
      continue;
    return redact(said);
  }
  return undefined;
}

/** PgBouncer writes this line at each RELOAD, before it reads a file. */
const RELOADS = 'RELOAD command issued';

/**
 * What the newest RELOADs complained about. The last two are looked at: the log may have been read in the middle of the
 * last one. Complaints of an earlier change stand before those, whatever the clocks say.
 */
export function explainReload(log: string): string | undefined {
  const last = log.lastIndexOf(RELOADS);
  const before = last < 1 ? -1 : log.lastIndexOf(RELOADS, last - 1);
  return last < 0 ? undefined : explainLog(log.slice(before < 0 ? last : before));
}

/**
 * Why a change failed: the first complaint of the newest RELOAD that has one. After it the process was restored, by
 * RELOADs without complaints; before it stands what earlier changes were refused for.
 */
export function explainChange(log: string): string | undefined {
  for (const reload of log.split(RELOADS).reverse()) {
    const said = explainLog(reload);
    if (said !== undefined) return said;
  }
  return undefined;
}

/** The last complaint about a server that could not be reached or refused the login. */
export function explainServers(log: string): string | undefined {
  const lines = log
    .split('\n')
    .filter((line) =>
      /connect failed|server login failed|DNS lookup failed|server_login|login_timeout|could not connect|connect timeout/i.test(
        line,
      ),
    );
  const last = lines.at(-1);
  if (last === undefined) return explainHandshake(log);
  const text = /(?:closing because: |\b(?:WARNING|ERROR|LOG)\b:? )(.*)$/.exec(last)?.[1] ?? last;
  return redact(
    text
      .replace(/^[SC]-0x[0-9a-f]+: /, '')
      .replace(/\(age=\d+s?\)/, '')
      .trim(),
  );
}

/**
 * A server whose certificate is not taken. PgBouncer says so of clients in the same words, without saying of whom it
 * speaks: only when there is no other trouble, and never what servers cannot do.
 */
function explainHandshake(log: string): string | undefined {
  const said = [...log.matchAll(/TLS handshake error: (.*)$/gm)].map(([, why = '']) => why).filter(isAboutServers);
  const why = said.at(-1);
  if (why === undefined) return undefined;
  return why.includes('certificate verify failed')
    ? "the server's certificate is not signed by an authority of spec.tls.server"
    : redact(why);
}

const isAboutServers = (why: string): boolean =>
  /certificate verify failed|not present in server certificate|server certificate/.test(why);

export function redact(text: string): string {
  const cut = text
    .replace(/invalid value ".*" for parameter/, 'invalid value for parameter')
    .replace(/password\s*=\s*('(?:[^']|'')*'|\S+)/gi, 'password=…')
    .replace(/\/etc\/pgbouncer\//g, '');
  return cut.length > LIMIT ? `${cutText(cut, LIMIT)}…` : cut;
}
