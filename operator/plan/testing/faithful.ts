/** Whether a configuration says what its specification says, and nothing more: read back from the files themselves. */
import assert from 'node:assert/strict';
import type { PoolerSpec } from '../../api/types.ts';
import type { Version } from '../../pgbouncer/version.ts';
import type { Config } from '../config.ts';
import {
  expectedDatabases,
  expectedPasswords,
  expectedRules,
  expectedServerPassword,
  isDerived,
  readFiles,
  statedOfDatabase,
  statedOfUser,
  strayKeys,
} from './expected-files.ts';
import { PASSWORDS, passwordOf, secretOf } from './planned.ts';

/** Everything the three files say is what the spec says, and nothing more. */
export function assertFaithful(spec: PoolerSpec, config: Config, version: Version, password = passwordOf): void {
  const { ini, users, rules, maps } = readFiles(config, version);

  assert.deepEqual(strayKeys(ini, spec), []);
  const settings = new Map(ini.pgbouncer);
  const { adminUsers = [], statsUsers = [], query, ident } = spec.auth ?? {};
  assert.deepEqual(settings.get('admin_users')?.split(','), [
    ...new Set(['poolkeeper', 'poolkeeper_proof', ...adminUsers]),
  ]);
  assert.deepEqual(settings.get('stats_users')?.split(','), [
    ...new Set(['poolkeeper_stats', 'poolkeeper_proof', ...statsUsers]),
  ]);
  assert.equal(settings.get('auth_user'), query && 'asker');
  assert.equal(settings.get('auth_dbname'), query?.database);
  const asked =
    query ?? (version.minor < 22 ? spec.databases?.find(({ authQuery }) => authQuery)?.authQuery : undefined);
  assert.equal(settings.get('auth_query'), asked && (asked.sql ?? 'SELECT uname, phash FROM pooler.user_lookup($1)'));
  assert.equal(settings.get('auth_ident_file'), ident && `/etc/pgbouncer/${config.revision}.ident`);
  assert.equal(maps.length, ident?.length ?? 0);
  assert.equal(settings.get('auth_type'), 'hba');
  assert.equal(settings.get('auth_hba_file'), `/etc/pgbouncer/${config.revision}.hba`);
  assert.equal(settings.get('auth_file'), `/etc/pgbouncer/${config.revision}.userlist`);
  assert.deepEqual(ini.pgbouncer.at(-1), ['syslog_ident', config.revision]);
  for (const [key, value] of Object.entries(spec.parameters ?? {})) {
    if (key === 'ignore_startup_parameters') continue;
    assert.equal(settings.get(key), String(value));
  }

  const known = expectedPasswords(spec, secretOf(spec, { password }));
  const databases = expectedDatabases(spec);
  assert.deepEqual(ini.databases.map(({ name }) => name).sort(), databases.map(({ name }) => name).sort());
  for (const database of databases) {
    const { params = {} } = ini.databases.find(({ name }) => name === database.name) ?? {};
    const stated = {
      ...statedOfDatabase(spec, database, version),
      ...expectedServerPassword(database, known, secretOf(spec, { password })),
    };
    const derived = Object.entries(params).filter(([key]) => !(key in stated));
    assert.deepEqual(Object.fromEntries(Object.entries(params).filter(([key]) => key in stated)), stated);
    for (const [key, value] of derived) {
      assert.ok(isDerived(key, value), `${key} = ${value} comes from nowhere`);
    }
  }

  const limited = (spec.users ?? []).filter((user) => Object.keys(statedOfUser(user)).length > 0);
  assert.deepEqual(
    Object.fromEntries(ini.users.map(({ name, params }) => [name, params])),
    Object.fromEntries(limited.map((user) => [user.name, statedOfUser(user)])),
  );
  assert.equal(ini.peers, undefined);

  assert.deepEqual(
    users.slice(0, 2).map(({ name, password: text }) => [name, text]),
    [
      ['poolkeeper', PASSWORDS.admin],
      ['poolkeeper_stats', PASSWORDS.stats],
    ],
  );
  assert.deepEqual(users.at(-1), { name: 'poolkeeper_proof', password: config.proofVerifier });
  assert.deepEqual(
    new Map(users.slice(2, -1).map(({ name, password: text }) => [name, text])),
    new Map([...known].sort(([a], [b]) => (a < b ? -1 : 1))),
  );
  assert.equal(users.length, known.size + 3);

  assert.deepEqual(rules, expectedRules(spec, secretOf(spec, { password })));
}
