import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { formatWarning } from '../api/warning.ts';
import { parseHba } from '../pgbouncer/hba.ts';
import { faultsOf, planned, validated } from './testing/planned.ts';

const OLDEST = { major: 1, minor: 18, patch: 0 };
const NEWEST = { major: 1, minor: 26, patch: 1 };
const QUERY = 'SELECT uname, phash FROM pooler.user_lookup($1)';
const by = (name: string, more: object = {}): object => ({ userSecretRef: { name }, ...more });

/** Two servers, with a database on each. */
function plan(
  a: object | undefined,
  b: object | undefined,
  { version = NEWEST, ...more }: { version?: typeof NEWEST; [field: string]: unknown } = {},
) {
  const { spec } = validated({
    backends: [
      { name: 'one', host: 'pg-1' },
      { name: 'two', host: 'pg-2' },
    ],
    databases: [
      { name: 'a', backend: 'one', ...(a && { authQuery: a }) },
      { name: 'b', backend: 'two', ...(b && { authQuery: b }) },
    ],
    users: [{ name: 'app', passwordSecretRef: { name: 'app', key: 'password' } }],
    ...more,
  });
  assert.ok(spec);
  const result = planned(spec, version);
  const { config } = result;
  const hba = parseHba(config?.files[`${config.revision}.hba`] ?? '');
  return {
    lines: faultsOf(result).map(formatFault).join('\n'),
    warnings: (result.credentialWarnings ?? []).map(formatWarning).join('\n'),
    main: new Map(config?.ini.pgbouncer),
    entry: (name: string) => config?.ini.databases.find((database) => database.name === name)?.params,
    names: config?.ini.databases.map(({ name }) => name),
    rules: hba.ok ? hba.rules.filter(({ address }) => address === '0.0.0.0/0') : [],
    sources: new Map(
      (config?.entries.databases ?? []).flatMap(({ name, settings }) =>
        settings.map(({ key, source }) => [`${name} ${key}`, source] as const),
      ),
    ),
    budget: result.budget,
  };
}

describe('the lookup of a single database', () => {
  it('has a login of its own, and leaves the other databases as they are', () => {
    const { entry, main, lines } = plan(by('x'), undefined);
    assert.equal(lines, '');
    assert.equal(entry('a')?.['auth_user'], 'asker of x');
    assert.equal(entry('a')?.['auth_query'], QUERY);
    assert.equal(entry('a')?.['auth_dbname'], 'a');
    assert.equal(entry('b')?.['auth_user'], undefined);
    for (const key of ['auth_user', 'auth_query', 'auth_dbname']) assert.equal(main.get(key), undefined);
  });

  it('runs on the server of that database: entries are made where there are none, closed to clients', () => {
    const { entry, names, rules, sources } = plan(by('x', { database: 'postgres' }), by('y', { database: 'postgres' }));
    assert.deepEqual(names, ['a', 'b', 'postgres', 'postgres.two']);
    assert.deepEqual([entry('a')?.['auth_dbname'], entry('b')?.['auth_dbname']], ['postgres', 'postgres.two']);
    assert.partialDeepStrictEqual(entry('postgres'), { host: 'pg-1', dbname: 'postgres', pool_size: '2' });
    assert.partialDeepStrictEqual(entry('postgres.two'), { host: 'pg-2', dbname: 'postgres', pool_size: '2' });
    for (const name of ['postgres', 'postgres.two'])
      assert.equal(rules.find(({ databases }) => databases.includes(name))?.method, 'reject');
    assert.equal(sources.get('postgres.two dbname'), 'spec.databases[1].authQuery.database');
    assert.equal(sources.get('b auth_user'), 'spec.databases[1].authQuery.userSecretRef');
  });

  it('takes an entry of its server, and none of another that has the same name', () => {
    const databases = [
      { name: 'postgres', backend: 'two', poolSize: 9 },
      { name: 'a', backend: 'one', authQuery: by('x', { database: 'postgres' }) },
      { name: 'b', backend: 'two', authQuery: by('y', { database: 'postgres' }) },
    ];
    const { entry, names } = plan(undefined, undefined, { databases });
    assert.deepEqual(names, ['postgres', 'a', 'b', 'postgres.one']);
    assert.equal(entry('a')?.['auth_dbname'], 'postgres.one');
    assert.equal(entry('b')?.['auth_dbname'], 'postgres');
  });

  it('is refused where its entry would be one of another server', () => {
    const taken = [
      { name: 'postgres.two', backend: 'one' },
      { name: 'b', backend: 'two', authQuery: by('y', { database: 'postgres' }) },
    ];
    const said = /authQuery\.database: has the name of an entry on another server/;
    assert.match(plan(undefined, undefined, { databases: taken }).lines, said);
    const twice = plan(by('x', { database: 'postgres.two' }), by('y', { database: 'postgres' }));
    assert.match(twice.lines, said);
  });

  it('shares the entry of the common one on the first server', () => {
    const auth = { query: by('x', { database: 'postgres' }) };
    const { names, main, entry } = plan(by('y', { database: 'postgres' }), undefined, { auth });
    assert.deepEqual(names, ['a', 'b', 'postgres']);
    assert.deepEqual([main.get('auth_user'), entry('a')?.['auth_user']], ['asker', 'asker of y']);
  });

  it('stays in its own database where it names none, whatever the common one does or did', () => {
    const auth = { query: by('x', { database: 'postgres' }) };
    const { entry, sources } = plan(undefined, by('y'), { auth });
    assert.equal(entry('b')?.['auth_dbname'], 'b');
    assert.equal(sources.get('b auth_dbname'), 'spec.databases[1].authQuery');
    const any = [{ name: '*', backend: 'two', authQuery: by('y') }];
    assert.match(
      plan(undefined, undefined, { auth, databases: any }).lines,
      /^spec\.databases\[0\]\.authQuery: says no database, and would be asked in the one of auth\.query/,
    );
  });

  it('counts what it makes against the budget of the server it is on', () => {
    const { budget, lines } = plan(undefined, by('y', { database: 'postgres' }), {
      replicas: 1,
      backends: [
        { name: 'one', host: 'pg-1' },
        { name: 'two', host: 'pg-2', connectionBudget: 30 },
      ],
    });
    assert.equal(lines, '');
    assert.deepEqual(budget, [{ backend: 'two', budget: 30, committed: 30 }]);
  });

  it('lets anybody knock at its database, and at the others those who are known', () => {
    const { rules } = plan(by('x'), undefined);
    assert.deepEqual(
      rules
        .filter(({ method, databases }) => method !== 'reject' && !databases.includes('pgbouncer'))
        .map(({ databases, users }) => [databases, users]),
      [
        [['a'], [{ keyword: 'all' }]],
        [[{ keyword: 'all' }], ['app']],
      ],
    );
    assert.ok(rules.some(({ users, method }) => users.includes('asker of x') && method === 'reject'));
  });

  it('needs PgBouncer 1.19 for another database and 1.22 for another query, and serves on 1.18 without', () => {
    const version = OLDEST;
    const { entry, main, lines } = plan(by('x'), by('y'), { version });
    assert.equal(lines, '');
    assert.deepEqual([entry('a')?.['auth_user'], entry('b')?.['auth_user']], ['asker of x', 'asker of y']);
    assert.deepEqual(
      [main.get('auth_query'), main.get('auth_user'), entry('a')?.['auth_query']],
      [QUERY, undefined, undefined],
    );
    assert.match(
      plan(by('x'), by('y', { database: 'postgres' }), { version }).lines,
      /^spec\.databases\[1\]\.authQuery\.database: needs PgBouncer 1\.19 .*; remove it, and install the function in this database/m,
    );
    const other = by('y', { sql: 'SELECT a, b FROM c WHERE a = $1' });
    assert.match(
      plan(by('x'), other, { version }).lines,
      /^spec\.databases\[1\]\.authQuery\.sql: needs PgBouncer 1\.22/m,
    );
    assert.equal(plan(other, other, { version }).main.get('auth_query'), 'SELECT a, b FROM c WHERE a = $1');
  });

  it('says where it cannot work: with no user asked for, in no database of a server', () => {
    assert.match(
      plan(by('x', { sql: 'SELECT 1' }), undefined).lines,
      /^spec\.databases\[0\]\.authQuery\.sql: asks for no user/,
    );
    assert.match(
      plan(by('x', { database: 'pgbouncer' }), undefined).lines,
      /authQuery\.database: is no database of the server/,
    );
    const auth = { type: 'plain' };
    assert.match(
      plan(by('x'), undefined, { auth }).warnings,
      /spec\.databases\[0\]\.authQuery: finds SCRAM verifiers, .* the server of a after a login by password/,
    );
  });

  it('is set by its field, and not by parameters', () => {
    const databases = [{ name: 'a', backend: 'one', parameters: { auth_user: 'x' } }];
    assert.match(
      plan(undefined, undefined, { databases }).lines,
      /auth_user: has a field of its own .*authQuery\.userSecretRef/,
    );
  });
});
