/**
 * What a stored password cannot do. PgBouncer logs in to the server as the client, with what it has: a plain password
 * always serves; a SCRAM verifier only when the client itself logs in by SCRAM, and only for that user; an md5 hash not
 * at a server that stores verifiers. Each was tried on every supported version.
 */
import type { PoolerSpec } from '../api/types.ts';
import { type Warning, warning } from '../api/warning.ts';
import { listed } from '../pgbouncer/listed.ts';
import { classifySecret, looksLikeMd5 } from '../pgbouncer/userlist.ts';
import { databasesOf } from './database-section.ts';
import { lookupsOf } from './lookups.ts';

export interface StoredPassword {
  readonly user: string;
  readonly password: string;
  /** The field it comes from; empty for a user that has none. */
  readonly path: string;
}

/** How many users a message names. */
const NAMED = 5;

/** One warning for each kind and field, not one for each of hundreds of users. */
export function storedPasswordWarnings(
  spec: PoolerSpec,
  /** By which clients log in. */
  asks: ReadonlySet<string>,
  stored: readonly StoredPassword[],
): readonly Warning[] {
  const clients = stored.filter(({ password }) => password !== '');
  const of = (wanted: (password: string) => boolean): readonly StoredPassword[] =>
    clients.filter(({ password }) => wanted(password));
  const verifiers = of((password) => classifySecret(password) === 'scram');
  const hashes = of((password) => classifySecret(password) === 'md5');
  return [
    ...perField(verifiers, (path, users) =>
      warning('VerifierPassword', { path, ...verifierWarning(spec, asks, users) }),
    ),
    ...perField(hashes, (path, users) =>
      warning('Md5Password', {
        path,
        problem: asks.has('scram-sha-256')
          ? `holds an md5 hash for ${users}: where SCRAM is asked for nobody can log in with it, and PgBouncer can with it at no server that stores SCRAM verifiers`
          : `holds an md5 hash for ${users}: PgBouncer cannot log in with it at a server that stores SCRAM verifiers, as PostgreSQL 14 and newer do`,
        remedy: 'put the plain password there, or use auth.query',
      }),
    ),
    ...perField(of(looksLikeMd5), (path, users) =>
      warning('Md5Password', {
        path,
        problem: `begins like an md5 hash for ${users} and is none (md5 and 32 of 0-9 and a-f): PgBouncer takes it for the password itself`,
        remedy: 'correct it, unless that is the password',
      }),
    ),
    ...passwordless(spec, stored),
    ...lookedUp(spec, asks),
  ];
}

/** What the server tells is a verifier, wherever it stores one. */
function lookedUp(spec: PoolerSpec, asks: ReadonlySet<string>): readonly Warning[] {
  const open = databasesOf(spec).filter(({ serverUser }) => serverUser === undefined);
  const other = withoutScram(asks);
  if (other.length === 0) return [];
  return lookupsOf(spec).flatMap(({ path, owner }) => {
    const names = open
      .filter(({ name, authQuery }) => (owner === undefined ? authQuery === undefined : name === owner.name))
      .map(({ name }) => name);
    if (names.length === 0) return [];
    return warning('VerifierPassword', {
      path,
      problem: `finds SCRAM verifiers, with which PgBouncer cannot log in to the server of ${listed(names, NAMED)} after a login by ${other.join(' or ')}`,
      remedy: 'let clients log in by scram-sha-256, or give each such database a serverUser',
    });
  });
}

/** A directory's users log in to the server with what they told the directory. */
const withoutScram = (asks: ReadonlySet<string>): readonly string[] =>
  [...asks].filter((method) => !['scram-sha-256', 'md5', 'ldap'].includes(method));

const withoutServerUser = (spec: PoolerSpec): readonly string[] =>
  databasesOf(spec)
    .filter(({ serverUser }) => serverUser === undefined)
    .map(({ name }) => name);

function verifierWarning(
  spec: PoolerSpec,
  asks: ReadonlySet<string>,
  users: string,
): { readonly problem: string; readonly remedy: string } {
  const other = withoutScram(asks);
  const warms = (spec.databases ?? []).some(
    ({ minPoolSize, serverUser }) =>
      (minPoolSize ?? spec.defaults?.minPoolSize) !== undefined && serverUser === undefined,
  );
  return {
    problem: [
      `holds a SCRAM verifier for ${users}: PgBouncer can log in to the server with it only after the client itself has, and only while the server has the very same one`,
      ...(other.length > 0 ? [`never after a login by ${other.join(' or ')}`] : []),
      ...(warms ? ['minPoolSize opens nothing before that'] : []),
      'and a change to the plain password later needs a restart',
    ].join('; '),
    remedy: 'put the plain password there, use auth.query, or give the database a serverUser',
  };
}

/** A user that is let in without a password leaves PgBouncer none to log in with. */
function passwordless(spec: PoolerSpec, stored: readonly StoredPassword[]): readonly Warning[] {
  const users = stored.filter(({ password }) => password === '').map(({ user }) => user);
  const open = withoutServerUser(spec);
  if (users.length === 0 || open.length === 0) return [];
  return [
    warning('NoServerPassword', {
      path: 'spec.users',
      problem: `let ${listed(users, NAMED)} in without a password, so PgBouncer has none for the server of ${listed(open, NAMED)}`,
      remedy: 'give each such database a serverUser, or the users a passwordSecretRef',
    }),
  ];
}

/** @param place the line that is not used; @param instead the field that says otherwise */
export const shadowedLine = (path: string, place: string, instead: string): Warning =>
  warning('UserlistLineUnused', {
    path,
    problem: `has another password in ${place} than ${instead}, which counts`,
    remedy: 'remove one of the two',
  });

function perField(
  stored: readonly StoredPassword[],
  say: (path: string, users: string) => Warning,
): readonly Warning[] {
  return [...Map.groupBy(stored, ({ path }) => path)].map(([path, of]) => say(path, naming(of)));
}

const naming = (stored: readonly StoredPassword[]): string =>
  listed(
    stored.map(({ user }) => user),
    NAMED,
  );
