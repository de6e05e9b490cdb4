import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findSetting, type Section } from './settings.ts';
import { checkValue, isSameValue } from './value.ts';

const setting = (path: string) => {
  const [section, name] = path.split('/') as [Section, string];
  const found = findSetting(section, name);
  assert.ok(found, path);
  return found;
};

describe('a value', () => {
  for (const [path, good, bad] of [
    ['pgbouncer/log_connections', ['0', '1'], ['', 'true', 'on', '2', '01', 'yes']],
    [
      'pgbouncer/max_client_conn',
      ['1', '1000'],
      ['', '0', '-1', '010', '0x10', '1e3', '10k', '1.5', '99999999999', ' 5'],
    ],
    ['databases/pool_size', ['1', '20'], ['0', 'abc', '-1']],
    [
      'pgbouncer/server_login_retry',
      ['0', '0.5', '15'],
      ['', '1h', '-1', '1e3', '.5', '5.', '99999999999', 'Infinity', 'NaN'],
    ],
    ['users/query_timeout', ['0', '30'], ['0.5', '30s']],
    ['pgbouncer/pool_mode', ['session', 'transaction', 'TRANSACTION'], ['', "'transaction'", 'pipeline']],
    ['pgbouncer/unix_socket_mode', ['0700', '0777'], ['700', '0888', '0x1ff', '']],
    [
      'pgbouncer/server_reset_query',
      ['', 'DISCARD ALL', "select ';' # x"],
      ['a\nadmin_users = x', 'a\0', ' a', 'a ', '\ta'],
    ],
    ['databases/timezone', ['Europe/Berlin', "it's"], ['', 'a\rb']],
  ] as const) {
    for (const value of good) {
      it(`of ${path} may be ${JSON.stringify(value)}`, () => assert.equal(checkValue(setting(path), value), undefined));
    }
    for (const value of bad) {
      it(`of ${path} may not be ${JSON.stringify(value)}`, () => {
        const fault = checkValue(setting(path), value);
        assert.ok(fault);
        assert.ok(fault.problem !== '' && fault.remedy !== '');
      });
    }
  }

  it('that is wrong is answered with what would be right', () => {
    assert.deepEqual(checkValue(setting('pgbouncer/log_connections'), 'true'), {
      problem: 'is not a switch',
      remedy: 'write 1 (on) or 0 (off)',
    });
    assert.deepEqual(checkValue(setting('pgbouncer/max_client_conn'), '0'), {
      problem: 'is too small',
      remedy: 'write a whole number from 1 to 1000000',
    });
    assert.match(
      checkValue(setting('pgbouncer/query_timeout'), '5m')?.remedy ?? '',
      /from 0 to 31536000 \(seconds\), for example 90/,
    );
    assert.match(checkValue(setting('pgbouncer/pool_mode'), 'x')?.remedy ?? '', /session, transaction, statement/);
  });
});

describe('what PgBouncer prints', () => {
  for (const [path, shown, stated, same] of [
    ['pgbouncer/max_client_conn', '100', '100', true],
    ['pgbouncer/max_client_conn', '100', '101', false],
    ['pgbouncer/max_client_conn', null, '0', false],
    ['pgbouncer/query_timeout', '0.5', '0.50', true],
    ['pgbouncer/query_timeout', '1.00004e+06', '1000041', true],
    ['pgbouncer/query_timeout', '8.01926e+06', '8019265', true],
    ['pgbouncer/query_timeout', '8.01926e+06', '8019400', false],
    ['pgbouncer/query_timeout', '0', '1', false],
    ['pgbouncer/pool_mode', 'transaction', 'Transaction', true],
    ['pgbouncer/pool_mode', 'transaction', 'session', false],
    ['pgbouncer/unix_socket_mode', '511', '0777', true],
    ['pgbouncer/unix_socket_mode', '511', '0700', false],
    ['pgbouncer/unix_socket_mode', '0777', '0777', true],
    ['pgbouncer/auth_file', null, '', true],
    ['pgbouncer/auth_file', null, '/x', false],
    ['pgbouncer/server_reset_query', 'DISCARD ALL', 'DISCARD ALL', true],
    ['pgbouncer/server_reset_query', 'discard all', 'DISCARD ALL', false],
  ] as const) {
    it(`for ${path}, ${shown}, is ${same ? '' : 'not '}the same as ${stated}`, () =>
      assert.equal(isSameValue(setting(path), shown, stated), same));
  }
});
