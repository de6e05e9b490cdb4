import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { formatFault } from '../api/fault.ts';
import { fc } from '../testing/properties.ts';
import { planKnownConfig } from './config.ts';
import { connectionInputs, connectionSecret, isIntactConnection } from './connection-secrets.ts';
import { contents, KEY, made, passwords, planOf, SPEC, VERSION } from './testing/connections.ts';
import { planned, validated } from './testing/planned.ts';

describe('a connection Secret', () => {
  it('has everything an application asks for, and the way past the pooler', () => {
    assert.deepEqual(made({}, 'p@ss:w'), {
      type: 'postgresql',
      provider: 'poolkeeper',
      host: 'app.shop.svc',
      port: '6432',
      database: 'app',
      dbname: 'app',
      user: 'app',
      username: 'app',
      password: 'p@ss:w',
      sslmode: 'disable',
      uri: 'postgresql://app:p%40ss%3Aw@app.shop.svc:6432/app',
      'jdbc-uri': 'jdbc:postgresql://app.shop.svc:6432/app?user=app&password=p%40ss%3Aw',
      pgpass: 'app.shop.svc:6432:app:app:p@ss\\:w\n',
      'direct-host': 'pg.data.svc',
      'direct-port': '5433',
      'direct-database': 'app_production',
      'direct-uri': 'postgresql://app:p%40ss%3Aw@pg.data.svc:5433/app_production',
    });
  });

  it('has no way past the pooler where that is a socket in its pods, and refuses a template that wants one', () => {
    const backends = [{ host: '/run/postgresql' }];
    const found = made({ backends });
    assert.deepEqual(
      Object.keys(found).filter((key) => key.startsWith('direct-')),
      [],
    );
    assert.equal(found['uri'], 'postgresql://app:secret@app.shop.svc:6432/app');
    const lines = (template: string): readonly string[] => {
      const connectionSecrets = [{ name: 'app-uri', user: 'app', database: 'app', keys: { DIRECT: template } }];
      const { spec } = validated({ ...SPEC, backends, connectionSecrets });
      assert.ok(spec);
      return planned(spec, VERSION).faults.spec.map(formatFault);
    };
    assert.match(
      lines('{direct-host}:{port}').join(),
      /^spec\.connectionSecrets\[0\]\.keys\.DIRECT: goes past the pooler/,
    );
    assert.deepEqual(lines('{{direct-host}} {host}'), []);
  });

  it('follows the port of the Service, and what leads to any database', () => {
    const databases = [{ name: '*' }];
    const other = [{ name: 'app-uri', user: 'app', database: 'reports' }];
    const data = made({ service: { port: 5432 }, databases, connectionSecrets: other });
    assert.equal(data['uri'], 'postgresql://app:secret@app.shop.svc:5432/reports');
    assert.equal(data['direct-uri'], 'postgresql://app:secret@pg.data.svc:5433/reports');
    assert.equal(made({ databases: undefined, connectionSecrets: other })['direct-database'], 'reports');
  });

  it('leads past the pooler to the backend itself, not to the one it falls back to', () => {
    const backends = [
      { name: 'replicas', hosts: ['a', 'b'] },
      { name: 'primary', service: { name: 'pg' } },
    ];
    for (const name of ['app', '*']) {
      const databases = [{ name, backend: 'replicas', fallbackBackend: 'primary' }];
      const data = made({ backends, databases });
      assert.equal(data['direct-host'], 'a,b');
      assert.equal(data['direct-uri'], 'postgresql://app:secret@a:5432,b:5432/app');
    }
  });

  for (const [offered, sslmode, ending] of [
    ['allow', 'prefer', '/app'],
    ['require', 'require', '/app?sslmode=require'],
    ['verify-full', 'require', '/app?sslmode=require'],
  ] as const) {
    it(`asks for TLS as it is offered: ${offered}`, () => {
      const { pooler, config } = planOf({}, 'secret');
      const [wanted] = pooler.spec.connectionSecrets ?? [];
      assert.ok(wanted);
      const settings = [{ key: 'client_tls_sslmode', value: offered, source: 'spec.tls.client.mode' }];
      const object = connectionSecret({ pooler, wanted, config: { ...config, settings }, revisionKey: KEY });
      assert.ok(object);
      const { sslmode: found, uri = '' } = contents(object);
      assert.equal(found, sslmode);
      assert.ok(uri.endsWith(ending), uri);
    });
  }

  describe('by which the served certificate can be verified', () => {
    const tls = { client: { mode: 'require', secretRef: { name: 'app-tls' } } };

    it('has the authority that stands beside that certificate', () => {
      const { 'ca.crt': authority = '', sslmode, uri = '' } = made({ tls });
      assert.match(authority, /^-----BEGIN CERTIFICATE-----/);
      // An application that takes the uri alone has no file with the authority.
      assert.deepEqual([sslmode, uri.split('?')[1]], ['require', 'sslmode=require']);
    });

    it('has none where clients find no TLS', () => {
      for (const fields of [{}, { tls: { client: { ...tls.client, mode: 'disable' } } }])
        assert.ok(!Object.hasOwn(made(fields), 'ca.crt'));
    });

    it('is made of the authority too', () => {
      const { pooler, config } = planOf({ tls }, 'secret');
      const [wanted] = pooler.spec.connectionSecrets ?? [];
      assert.ok(wanted && config.authority !== undefined);
      const inputs = (authority: string) => connectionInputs(pooler, { ...config, authority }, wanted, 'v1');
      assert.notEqual(inputs(config.authority), inputs('another'));
    });

    it('knows the authority also where no Secret is read', () => {
      const { spec } = validated({ ...SPEC, tls });
      assert.ok(spec);
      const { tls: view } = planned(spec, VERSION);
      const known = { spec, namespace: 'shop', version: VERSION, holders: 4, revisionKey: KEY };
      assert.ok(view.authority && 'text' in view.authority);
      assert.equal(planKnownConfig(known, 'abcdef01', view).rendered.authority, view.authority.text);
    });
  });

  it('takes keys of the user, which may replace its own', () => {
    const keys = {
      uri: 'postgresql+asyncpg://{user}:{password}@{host}:{port}/{database}',
      DATABASE_URL: 'postgresql://{user}:{password}@{host}:{port}/{database}?pgbouncer=true&connection_limit=20',
    };
    const data = made({ connectionSecrets: [{ name: 'app-uri', user: 'app', database: 'app', keys }] });
    assert.equal(data['uri'], 'postgresql+asyncpg://app:secret@app.shop.svc:6432/app');
    assert.match(data['DATABASE_URL'] ?? '', /\/app\?pgbouncer=true&connection_limit=20$/);
  });

  it('says its own kind and owner, and vouches for itself', () => {
    const { object } = planOf({}, 'secret');
    assert.equal(object?.['type'], 'servicebinding.io/postgresql');
    assert.equal(object?.metadata.labels['poolkeeper.dev/role'], 'connection');
    const data = object?.['data'] as Readonly<Record<string, string>>;
    const stored = { metadata: { annotations: object?.metadata.annotations ?? {} }, data };
    assert.equal(isIntactConnection(stored, KEY), true);
    assert.equal(isIntactConnection({ ...stored, data: { ...data, host: '' } }, KEY), false);
    assert.equal(isIntactConnection(stored, 'another key'), false);
    assert.equal(isIntactConnection({ metadata: {} }, KEY), false);
  });

  it('is made of what its inputs say: each of them changes it, and the number of replicas does not', () => {
    const inputs = (fields: object, version = 'v1'): string => {
      const { pooler, config } = planOf(fields, 'secret');
      const [wanted] = pooler.spec.connectionSecrets ?? [];
      assert.ok(wanted);
      return connectionInputs(pooler, config, wanted, version);
    };
    const same = inputs({});
    assert.equal(inputs({ replicas: 7, maxClientConnections: 5 }), same);
    for (const changed of [
      inputs({}, 'v2'),
      inputs({ service: { port: 5432 } }),
      inputs({ databases: [{ name: 'app', dbname: 'other' }] }),
      inputs({ backends: [{ host: 'elsewhere' }] }),
      inputs({ connectionSecrets: [{ ...SPEC.connectionSecrets[0], keys: { a: 'b' } }] }),
    ])
      assert.notEqual(changed, same);
  });
});

describe('what cannot become a connection Secret', () => {
  it('is named when the password is a hash', () => {
    const { spec } = validated(SPEC);
    assert.ok(spec);
    const plan = planned(spec, VERSION, { password: () => `md5${'0'.repeat(32)}` });
    assert.deepEqual(
      plan.faults.credentials.map(({ path, value }) => [path, value]),
      [['spec.connectionSecrets[0].user', 'app']],
    );
    assert.match(plan.faults.credentials[0]?.problem ?? '', /only a hash in app-db\/password/);
  });

  it('is named when it is the Secret that the password comes from', () => {
    const { spec } = validated({ ...SPEC, connectionSecrets: [{ ...SPEC.connectionSecrets[0], name: 'app-db' }] });
    assert.ok(spec);
    const [fault] = planned(spec, VERSION).faults.spec;
    assert.equal(fault?.path, 'spec.connectionSecrets[0].name');
    assert.match(fault?.problem ?? '', /that this pooler reads from/);
  });
});

describe('every password that PgBouncer takes', () => {
  it('comes through the uri as node-postgres reads it', () => {
    fc.assert(
      fc.property(passwords, (password) => {
        const data = made({}, password);
        const client = new pg.Client({ connectionString: data['uri'] ?? '' });
        assert.deepEqual(
          [client.host, client.port, client.user, client.password, client.database],
          ['app.shop.svc', 6432, 'app', password, 'app'],
        );
        assert.equal(new URL(data['jdbc-uri']?.slice(5) ?? '').searchParams.get('password'), password);
      }),
    );
  });
});
