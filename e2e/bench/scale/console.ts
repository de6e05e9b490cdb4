/**
 * What one simulated PgBouncer answers: the rows of a real one, recorded, with what its own files say put in their
 * place. console.real.test.ts holds it against a real one on the same files.
 */

import { expectedDatabases, expectedUser, expectedUsers } from '../../../operator/pgbouncer/expected-rows.ts';
import type { IniFile } from '../../../operator/pgbouncer/ini.ts';
import { parseIni } from '../../../operator/pgbouncer/parse-ini.ts';
import type { Row } from '../../../operator/pgbouncer/rows.ts';
import { parseUserlist } from '../../../operator/pgbouncer/userlist.ts';
import type { Version } from '../../../operator/pgbouncer/version.ts';
import type { Peer, Reply } from './wire-server.ts';

/** SHOW word → rows, of a real PgBouncer with one database and one user, and no clients. */
export type Recording = ReadonlyMap<string, readonly Row[]>;

/** What a pod's volume holds now, as its kubelet would have brought it. */
export interface Volume {
  /** The revision that the process is to load, and how it got to know. */
  readonly revision: string;
  readonly conffile: string;
  readonly files: Readonly<Record<string, string>>;
}

interface Loaded {
  readonly ini: IniFile;
  readonly passwords: ReadonlyMap<string, string>;
  readonly conffile: string;
}

export interface SimulatedProcess extends Peer {
  /** Reads its files; false when they are not there, as a RELOAD finds out. */
  load(): Promise<boolean>;
  readonly reloads: number;
}

export function simulateProcess(
  recording: Recording,
  version: Version,
  volume: () => Promise<Volume | undefined>,
): SimulatedProcess {
  let loaded: Loaded | undefined;
  let reloads = 0;
  const load = async (): Promise<boolean> => {
    const now = await volume();
    const ini = now && parseIni(now.files[`${now.revision}.ini`] ?? '', version);
    const userlist = now && parseUserlist(now.files[`${now.revision}.userlist`] ?? '');
    if (now === undefined || !ini?.ok || !userlist?.ok) return false;
    loaded = {
      ini: ini.ini,
      conffile: now.conffile,
      passwords: new Map(userlist.entries.map(({ name, password }) => [name, password])),
    };
    return true;
  };
  return {
    load,
    get reloads() {
      return reloads;
    },
    password: (user) => loaded?.passwords.get(user),
    query: async (text): Promise<Reply> => {
      if (loaded === undefined) return { kind: 'error', code: '08006', message: 'not started' };
      if (text === 'RELOAD') {
        reloads += 1;
        return (await load())
          ? { kind: 'done', tag: 'RELOAD' }
          : { kind: 'error', code: 'F0000', message: 'RELOAD failed, see logs for additional details' };
      }
      const word = /^SHOW (\w+)$/.exec(text)?.[1];
      const rows = word === undefined ? undefined : recording.get(word);
      if (word === undefined || rows === undefined)
        return { kind: 'error', code: '42601', message: `invalid command '${text}', use SHOW HELP;` };
      return { kind: 'rows', rows: adapted(word, rows, loaded, version) };
    },
  };
}

function adapted(word: string, rows: readonly Row[], { ini, passwords, conffile }: Loaded, version: Version) {
  switch (word) {
    case 'CONFIG': {
      const stated = new Map<string, string>([...ini.pgbouncer, ['conffile', conffile]]);
      return rows.map((row) => ({ ...row, value: stated.get(row['key'] ?? '') ?? row['value'] ?? null }));
    }
    case 'DATABASES': {
      const own = rows.find((row) => row['name'] === 'pgbouncer');
      const other = rows.find((row) => row['name'] !== 'pgbouncer') ?? {};
      const databases = expectedDatabases(ini, version).map((database) => ({
        ...other,
        name: database.name,
        host: database.host ?? null,
        port: String(database.port),
        database: database.database,
        force_user: database.forceUser ?? null,
        pool_size: String(database.poolSize),
        min_pool_size: String(database.minPoolSize),
        reserve_pool_size: String(database.reservePoolSize),
        server_lifetime: String(database.serverLifetime ?? ''),
        pool_mode: database.poolMode ?? null,
        load_balance_hosts: database.loadBalanceHosts ?? null,
        max_connections: String(database.maxConnections),
        max_client_connections: String(database.maxClientConnections ?? 0),
      }));
      const lifetime = ini.pgbouncer.find(([key]) => key === 'server_lifetime')?.[1];
      return [
        ...databases,
        ...(own === undefined ? [] : [{ ...own, server_lifetime: lifetime ?? own['server_lifetime'] ?? null }]),
      ];
    }
    case 'USERS': {
      const template = rows[0] ?? {};
      const stated = new Map(expectedUsers(ini, version).map((user) => [user.name, user]));
      // The console's own user is always among them.
      return [...new Set([...passwords.keys(), ...stated.keys(), 'pgbouncer'])].sort().map((name) => {
        const user = stated.get(name) ?? expectedUser({ name, params: {} }, ini, version);
        const number = (value: number | undefined): string => (value === undefined ? '' : String(value));
        return {
          ...template,
          name,
          pool_size: number(user.poolSize),
          reserve_pool_size: number(user.reservePoolSize),
          pool_mode: user.poolMode ?? null,
          max_user_connections: number(user.maxUserConnections),
          max_user_client_connections: number(user.maxUserClientConnections),
        };
      });
    }
    default:
      return rows;
  }
}
