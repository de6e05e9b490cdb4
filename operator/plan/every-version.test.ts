/** What the version of PgBouncer may change in a configuration, and what it may not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFault } from '../api/fault.ts';
import type { Profile } from '../api/types.ts';
import { printIni } from '../pgbouncer/ini.ts';
import { parseIni } from '../pgbouncer/parse-ini.ts';
import { existsIn, findSetting, SETTINGS } from '../pgbouncer/settings.ts';
import { atLeast, formatVersion, parseVersion, type Version } from '../pgbouncer/version.ts';
import { faultsOf, planned, validated } from './testing/planned.ts';

/** The first and the last release of every minor version. */
const RELEASES = [
  ...['1.18.0', '1.19.0', '1.19.1', '1.20.0', '1.20.1', '1.21.0', '1.22.0', '1.22.1', '1.23.0', '1.23.1'],
  ...['1.24.0', '1.24.1', '1.25.0', '1.25.2', '1.26.0', '1.26.1'],
];
const VERSIONS: readonly Version[] = RELEASES.flatMap((text) => parseVersion(text) ?? []);
const REF = { name: 'app', key: 'password' } as const;

function planOf(fields: object, version: Version) {
  const { spec } = validated({ backends: [{ host: 'pg' }], ...fields });
  assert.ok(spec);
  return planned(spec, version);
}

function mainOf(profile: Profile, version: Version): ReadonlyMap<string, string> {
  const { config } = planOf({ profile }, version);
  assert.ok(config);
  return new Map(config.ini.pgbouncer);
}

/** Why a default that changed is not written out under the profiles of Poolkeeper. */
const NOT_WRITTEN: Readonly<Record<string, string>> = {
  auth_query: 'nothing is looked up unless a lookup is configured, and then its query is written',
  track_extra_parameters:
    'what was tracked by default before 1.26 (IntervalStyle) is tracked there too, with all else that the server reports; a restart would be needed to write it',
};

describe('a default that changed between versions', () => {
  const changed = SETTINGS.filter(
    ({ section, defaultChanges }) => section === 'pgbouncer' && defaultChanges.length > 0,
  );

  it('is known to have changed', () => {
    assert.deepEqual(
      changed.map(({ name }) => name),
      [
        ...['auth_query', 'client_tls_ciphers', 'max_prepared_statements', 'server_check_query'],
        ...['server_tls_ciphers', 'server_tls_sslmode', 'track_extra_parameters'],
      ],
    );
  });

  for (const setting of changed.filter(({ name }) => NOT_WRITTEN[name] === undefined)) {
    it(`is written out, the same in every version that knows it: ${setting.name}`, () => {
      for (const profile of ['balanced', 'highThroughput', 'lowLatency'] as const) {
        const known = VERSIONS.filter((version) => existsIn(setting, version));
        const values = known.map((version) => mainOf(profile, version).get(setting.name));
        assert.equal(new Set(values).size, 1, values.join());
        assert.notEqual(values[0], undefined);
      }
    });
  }

  it('is left to PgBouncer under the profile pgbouncer, save for the TLS mode', () => {
    for (const { name } of changed) {
      const values = VERSIONS.map((version) => mainOf('pgbouncer', version).get(name));
      assert.deepEqual(new Set(values), new Set([name === 'server_tls_sslmode' ? 'prefer' : undefined]), name);
    }
  });

  it('of nothing else: without settings of one version, the file is the same in all of them', () => {
    const common = ({ since, until, section }: (typeof SETTINGS)[number]): boolean =>
      section === 'pgbouncer' &&
      until === undefined &&
      !atLeast(parseVersion(since) ?? { major: 0, minor: 0, patch: 0 }, '1.18.1');
    const files = VERSIONS.map((version) =>
      [...mainOf('balanced', version)].filter(([key]) => {
        const setting = findSetting('pgbouncer', key);
        return setting !== undefined && common(setting) && !/^(auth_hba_file|auth_file|syslog_ident)$/.test(key);
      }),
    );
    for (const file of files) assert.deepEqual(file, files[0]);
  });
});

describe('a field of a database or user that a PgBouncer does not know', () => {
  const gated = SETTINGS.flatMap((setting) => {
    const field =
      setting.ownership.kind === 'field' && /^spec\.(databases|users)\[\]\.(\w+)$/.exec(setting.ownership.field);
    const renamed = setting.section === 'databases' && setting.name === 'reserve_pool_size';
    return field && atLeast(parseVersion(setting.since) ?? { major: 0, minor: 0, patch: 0 }, '1.18.1') && !renamed
      ? [{ setting, list: field[1] ?? '', name: field[2] ?? '' }]
      : [];
  });

  it('is one of nine', () => {
    assert.deepEqual(gated.map(({ list, name }) => `${list}.${name}`).sort(), [
      'databases.maxClientConnections',
      'databases.serverLifetime',
      'users.clientIdleTimeout',
      'users.idleTransactionTimeout',
      'users.maxClientConnections',
      'users.poolSize',
      'users.queryTimeout',
      'users.reservePoolSize',
      'users.transactionTimeout',
    ]);
  });

  for (const { setting, list, name } of gated) {
    it(`is refused by its name and the version that it needs, and rendered from there on: ${list}.${name}`, () => {
      const value = /Timeout|Lifetime/.test(name) ? '30s' : 5;
      const item = { name: 'app', ...(list === 'users' ? { passwordSecretRef: REF } : {}), [name]: value };
      for (const version of VERSIONS) {
        const plan = planOf({ [list]: [item] }, version);
        const said = faultsOf(plan).map(formatFault);
        if (existsIn(setting, version)) {
          assert.deepEqual(said, []);
          const entries = list === 'users' ? plan.config?.ini.users : plan.config?.ini.databases;
          assert.equal(entries?.[0]?.params[setting.name], String(Number.parseInt(String(value), 10)));
        } else {
          assert.deepEqual(said, [
            `spec.${list}[0].${name}: needs PgBouncer ${setting.since} or newer, and the image has ${formatVersion(version)} (${JSON.stringify(value)}); use a newer image, or remove it`,
          ]);
        }
      }
    });
  }
});

describe('a key of `parameters` that a PgBouncer does not know', () => {
  for (const section of ['pgbouncer', 'databases', 'users'] as const) {
    const free = SETTINGS.filter((setting) => setting.section === section && setting.ownership.kind === 'free');
    for (const version of VERSIONS) {
      it(`is refused by its name, in [${section}] of ${formatVersion(version)}`, () => {
        for (const setting of free.filter((one) => !existsIn(one, version))) {
          const parameters = { [setting.name]: setting.enum?.[0] ?? String(setting.min ?? 1) };
          const fields = {
            pgbouncer: { parameters },
            databases: { databases: [{ name: 'app', parameters }] },
            users: { users: [{ name: 'app', passwordSecretRef: REF, parameters }] },
          }[section];
          const faults = faultsOf(planOf(fields, version));
          assert.equal(faults.length, 1, setting.name);
          assert.match(
            faults[0]?.problem ?? '',
            new RegExp(
              `^(needs PgBouncer ${setting.since} or newer|is gone since PgBouncer ${setting.until}), and this`,
            ),
          );
        }
      });
    }
  }
});

describe('a list of hosts', () => {
  it('is the same in every version, and where the order can be chosen the order is written out', () => {
    for (const version of VERSIONS) {
      const { config } = planOf({ backends: [{ hosts: ['b', 'a'] }], databases: [{ name: 'app' }] }, version);
      const params = config?.ini.databases[0]?.params;
      assert.equal(params?.['host'], 'b,a');
      assert.equal(params?.['load_balance_hosts'], atLeast(version, '1.24') ? 'round-robin' : undefined);
    }
  });

  it('with a fallback needs a version that can stay with the first that works', () => {
    const backends = ['a', 'b'].map((name) => ({ name, host: name }));
    for (const version of VERSIONS) {
      const { config, faults } = planOf(
        { backends, databases: [{ name: 'app', backend: 'a', fallbackBackend: 'b' }] },
        version,
      );
      const expected = atLeast(version, '1.24')
        ? []
        : [
            `spec.databases[0].fallbackBackend: needs PgBouncer 1.24.0 or newer, and the image has ${formatVersion(version)} ("b"); use a newer image, or remove it`,
          ];
      assert.deepEqual(faults.spec.map(formatFault), expected);
      assert.equal(config?.ini.databases[0]?.params['load_balance_hosts'], expected.length > 0 ? undefined : 'disable');
    }
  });

  it('of one host is a host, and has no order', () => {
    for (const version of VERSIONS) {
      const { config } = planOf({ backends: [{ hosts: ['a'] }], databases: [{ name: 'app' }] }, version);
      assert.deepEqual(config?.ini.databases[0]?.params, { host: 'a', port: '5432', dbname: 'app' });
    }
  });
});

describe('an image that changes', () => {
  const spec = {
    databases: [{ name: 'app', poolSize: 8, reservePoolSize: 2, minPoolSize: 1, maxServerConnections: 12 }],
    users: [{ name: 'app', passwordSecretRef: REF, poolMode: 'session', maxServerConnections: 9 }],
  };

  for (const version of VERSIONS) {
    it(`renders a file that ${formatVersion(version)} knows every word of`, () => {
      const { config } = planOf(spec, version);
      assert.ok(config);
      const parsed = parseIni(printIni(config.ini, version), version);
      assert.ok(parsed.ok, parsed.ok ? '' : `${parsed.line}: ${parsed.problem}`);
      assert.equal(
        parsed.ini.databases[0]?.params[atLeast(version, '1.24') ? 'reserve_pool_size' : 'reserve_pool'],
        '2',
      );
    });
  }
});
