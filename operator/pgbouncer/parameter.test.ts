import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { checkParameter } from './parameter.ts';
import { SETTINGS, type Section } from './settings.ts';
import { parseVersion } from './version.ts';

const check = (section: Section, key: string, value: string | number, version = '1.26.1'): string | undefined => {
  const parsed = parseVersion(version);
  assert.ok(parsed);
  const fault = checkParameter({ section, key, value, version: parsed, path: `p.${key}` });
  return fault && formatFault(fault);
};

describe('a parameter', () => {
  for (const [what, message, section, key, value, version] of [
    ['of a setting that is free', undefined, 'pgbouncer', 'server_idle_timeout', 300],
    ['written as a text', undefined, 'pgbouncer', 'server_idle_timeout', '300'],
    ['of a fraction of a second', undefined, 'pgbouncer', 'server_login_retry', 0.5],
    ['of a database', undefined, 'databases', 'application_name', "it's mine"],
    ['of a user', undefined, 'users', 'query_wait_timeout', 30],
    ['that leaves room for the console', undefined, 'pgbouncer', 'max_db_client_connections', 10],
    ['that means no limit', undefined, 'pgbouncer', 'max_user_client_connections', 0],
    [
      'that locks the operator out',
      "p.max_db_client_connections: leaves no room for the operator's own logins to the console, which it counts too (9); write at least 10, or limit a database or a user by its field `maxClientConnections`",
      'pgbouncer',
      'max_db_client_connections',
      9,
    ],
    [
      'that is mistyped',
      "p.server_idle_timout: is not a setting of PgBouncer's [pgbouncer]; did you mean `server_idle_timeout`?",
      'pgbouncer',
      'server_idle_timout',
      300,
    ],
    [
      'that nobody knows',
      "p.frobnicate: is not a setting of PgBouncer's [pgbouncer]; remove it, or correct its name",
      'pgbouncer',
      'frobnicate',
      1,
    ],
    [
      'of another section',
      'p.max_user_connections: is not a setting of [databases], but of [pgbouncer] and [users]; move it to `spec.parameters` or `parameters` of a user',
      'databases',
      'max_user_connections',
      5,
    ],
    [
      'that is too new',
      'p.transaction_timeout: needs PgBouncer 1.25.0 or newer, and this pooler has 1.24.1 (5); use a newer image, or remove it',
      'pgbouncer',
      'transaction_timeout',
      5,
      '1.24.1',
    ],
    [
      'that is gone',
      'p.suspend_timeout: is gone since PgBouncer 1.26.0, and this pooler has 1.26.1 (5); remove it',
      'pgbouncer',
      'suspend_timeout',
      5,
    ],
    [
      'that has a field',
      'p.max_client_conn: has a field of its own (500); set `spec.maxClientConnections` instead',
      'pgbouncer',
      'max_client_conn',
      500,
    ],
    [
      'that has a field in a database',
      'p.pool_size: has a field of its own (5); set `spec.databases[].poolSize` instead',
      'databases',
      'pool_size',
      5,
    ],
    [
      'that is reserved',
      'p.listen_port: belongs to the operator: the Service and the console find PgBouncer on one port (6432); remove it',
      'pgbouncer',
      'listen_port',
      6432,
    ],
    [
      'of the wrong type',
      'p.log_connections: is not a switch ("true"); write 1 (on) or 0 (off)',
      'pgbouncer',
      'log_connections',
      'true',
    ],
    [
      'out of range',
      'p.stats_period: is too small (0); write a whole number from 1 to 86400 (seconds)',
      'pgbouncer',
      'stats_period',
      0,
    ],
    [
      'with a line break',
      'p.server_reset_query: holds a line break or another control character ("x\\nadmin_users = me"); write it on one line, without',
      'pgbouncer',
      'server_reset_query',
      'x\nadmin_users = me',
    ],
  ] as const) {
    it(`${what} is ${message === undefined ? 'taken' : 'refused'}`, () =>
      assert.equal(check(section, key, value, version), message));
  }

  it('that could hold a password is refused without showing it', () => {
    for (const { section, name } of SETTINGS.filter(({ secret }) => secret)) {
      const message = check(section, name, 'the-secret');
      assert.ok(message !== undefined && !message.includes('the-secret'), name);
    }
  });

  it('of any kind gets one answer for each setting: field, reserved, or free', () => {
    for (const { section, name, ownership } of SETTINGS) {
      const message = check(section, name, 'x') ?? '';
      assert.equal(/has a field/.test(message), ownership.kind === 'field', name);
      assert.equal(/belongs to the operator/.test(message), ownership.kind === 'reserved', name);
    }
  });
});
