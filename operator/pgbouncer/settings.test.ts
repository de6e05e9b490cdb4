import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  defaultIn,
  existsIn,
  findSetting,
  isRestartOnly,
  SETTINGS,
  type Section,
  type Setting,
  settingsOf,
} from './settings.ts';
import { checkValue } from './value.ts';
import { compareVersions, parseVersion, type Version } from './version.ts';

const V118: Version = { major: 1, minor: 18, patch: 0 };
const V126: Version = { major: 1, minor: 26, patch: 1 };

const setting = (section: Section, name: string): Setting => {
  const found = findSetting(section, name);
  assert.ok(found, name);
  return found;
};

describe('the table of settings', () => {
  it('has each setting once', () => {
    const keys = SETTINGS.map(({ section, name }) => `${section}/${name}`);
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(keys.length, 137);
  });

  it('knows what each version has', () => {
    const counts = (version: Version) =>
      [...(['pgbouncer', 'databases', 'users', 'peers'] as const)].map(
        (section) => settingsOf(version, section).length,
      );
    assert.deepEqual(counts(V118), [84, 16, 2, 0]);
    assert.deepEqual(counts(V126), [99, 23, 10, 3]);
  });

  it('has full versions, defaults that follow each other, and ranges for all numbers', () => {
    for (const { name, since, until, defaultChanges, type, min, max, enum: words } of SETTINGS) {
      const versions = [
        since,
        ...defaultChanges.map((change) => change.since),
        ...(until === undefined ? [] : [until]),
      ].map(parseVersion);
      for (const [index, version] of versions.entries()) {
        const before = versions[index - 1];
        assert.ok(version, name);
        if (before) assert.ok(compareVersions(before, version) < 0, name);
      }
      if (['integer', 'seconds', 'octal'].includes(type))
        assert.ok(min !== undefined && max !== undefined && min < max, name);
      assert.equal(words !== undefined, type === 'enum', name);
    }
  });

  it('allows its own defaults', () => {
    for (const each of SETTINGS) {
      for (const { default: value } of [each, ...each.defaultChanges]) {
        if (value !== null) assert.equal(checkValue(each, value), undefined, `${each.name} = ${value}`);
      }
    }
  });

  it('tells defaults by version', () => {
    const tls = setting('pgbouncer', 'server_tls_sslmode');
    assert.equal(defaultIn(tls, V118), 'disable');
    assert.equal(defaultIn(tls, { major: 1, minor: 19, patch: 1 }), 'disable');
    assert.equal(defaultIn(tls, { major: 1, minor: 20, patch: 0 }), 'prefer');
    assert.equal(defaultIn(tls, V126), 'prefer');
    assert.equal(defaultIn(setting('pgbouncer', 'track_extra_parameters'), V126), '');
  });

  it('tells what came and what went', () => {
    const suspend = setting('pgbouncer', 'suspend_timeout');
    assert.equal(existsIn(suspend, { major: 1, minor: 25, patch: 9 }), true);
    assert.equal(existsIn(suspend, V126), false);
    assert.equal(existsIn(setting('pgbouncer', 'scram_iterations'), V118), false);
    assert.equal(existsIn(setting('pgbouncer', 'service_name'), V126), false);
  });

  it('tells what only a restart applies', () => {
    const restartOnly = settingsOf(V126, 'pgbouncer').filter((each) => isRestartOnly(each, V126));
    assert.deepEqual(
      restartOnly.map(({ name }) => name),
      'disable_pqexec job_name listen_addr listen_backlog listen_port pidfile pkt_buf resolv_conf so_reuseport track_extra_parameters unix_socket_dir unix_socket_group unix_socket_mode user'.split(
        ' ',
      ),
    );
  });

  it('reserves what the operator needs, and everything that could hold a password', () => {
    const owners = (kind: string): readonly string[] =>
      settingsOf(V126, 'pgbouncer')
        .filter(({ ownership }) => ownership.kind === kind)
        .map(({ name }) => name);
    for (const name of ['conffile', 'syslog_ident', 'listen_port', 'client_tls_dheparams']) {
      assert.ok(owners('reserved').includes(name), name);
    }
    for (const name of [
      'server_idle_timeout',
      'ignore_startup_parameters',
      'max_prepared_statements',
      'query_wait_timeout',
    ]) {
      assert.ok(owners('free').includes(name), name);
    }
    const tls = (side: string): readonly string[] =>
      ['13_ciphers', '_ca_file', '_cert_file', '_ciphers', '_key_file', '_protocols', '_sslmode'].map(
        (key) => `${side}_tls${key}`,
      );
    assert.deepEqual(owners('field'), [
      'admin_users',
      'auth_dbname',
      'auth_file',
      'auth_hba_file',
      'auth_ident_file',
      'auth_ldap_options',
      'auth_query',
      'auth_type',
      'auth_user',
      ...tls('client'),
      'default_pool_size',
      'max_client_conn',
      'min_pool_size',
      'pool_mode',
      'reserve_pool_size',
      ...tls('server'),
      'stats_users',
    ]);
    for (const each of SETTINGS.filter(({ secret }) => secret)) assert.notEqual(each.ownership.kind, 'free', each.name);
  });

  it('names an owner only for settings that exist', async () => {
    const { ownershipOf } = await import('./ownership.ts');
    for (const each of SETTINGS) assert.deepEqual(ownershipOf(each.section, each.name), each.ownership);
    assert.deepEqual(ownershipOf('pgbouncer', 'no_such_setting'), { kind: 'free' });
  });
});
