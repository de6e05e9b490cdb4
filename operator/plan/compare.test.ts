import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolerOf } from '../api/testing/json.ts';
import { type OfflinePlan, planOffline } from '../cli/offline-plan.ts';
import { comparePoolers } from './compare.ts';
import type { Outcome, PoolerChange } from './pooler-change.ts';

const REF = { passwordSecretRef: { name: 's', key: 'k' } };
const BASE = {
  replicas: 2,
  backends: [{ host: 'pg' }],
  databases: [{ name: 'app' }, { name: 'other', serverUser: { name: 'forced', ...REF } }],
  users: [{ name: 'app', ...REF }],
};

function planned(fields: object): OfflinePlan {
  const result = planOffline(poolerOf({ ...BASE, ...fields }), {
    namespace: 'shop',
    defaultImage: 'pgbouncer:1.26.1',
    templateMode: 'restricted',
    secrets: [],
    showSecrets: false,
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.plan;
}

const compared = (before: object, after: object): PoolerChange => comparePoolers(planned(before), planned(after));
const cutsOf = ({ cuts }: PoolerChange): readonly string[] => cuts.map(({ who, what }) => `${who} ${what}`);

const OUTCOMES: readonly {
  readonly what: string;
  readonly before?: object;
  readonly after: object;
  readonly outcome: Outcome;
  readonly because?: readonly string[];
}[] = [
  { what: 'the same', after: {}, outcome: 'none' },
  {
    what: 'the same, with a default written out',
    after: { profile: 'balanced', service: { port: 6432 } },
    outcome: 'none',
  },
  { what: "PgBouncer's own default, written out", after: { parameters: { stats_period: 60 } }, outcome: 'none' },
  { what: 'a number of replicas', after: { replicas: 3 }, outcome: 'objects' },
  { what: 'a setting', after: { parameters: { query_timeout: 5 } }, outcome: 'reload' },
  { what: 'who may log in', after: { users: [{ name: 'b', ...REF }] }, outcome: 'reload' },
  { what: 'how clients log in', after: { auth: { type: 'md5' } }, outcome: 'reload' },
  {
    what: 'a setting that is read at a start',
    after: { parameters: { pkt_buf: 8192 } },
    outcome: 'restart',
    because: ['pkt_buf is read only at a start'],
  },
  {
    what: 'a version',
    before: { image: 'pgbouncer:1.24.1' },
    after: {},
    outcome: 'restart',
    because: ['PgBouncer changes from 1.24.1 to 1.26.1', 'the image changes to pgbouncer:1.26.1'],
  },
  {
    what: 'resources',
    after: { template: { spec: { containers: [{ name: 'pgbouncer', resources: { requests: { cpu: 1 } } }] } } },
    outcome: 'restart',
    because: ['spec.template changes'],
  },
];

for (const { what, before = {}, after, outcome, because = [] } of OUTCOMES) {
  test(`${outcome} is what changes: ${what}`, () => {
    const change = compared(before, after);
    assert.equal(change.outcome, outcome);
    assert.deepEqual(change.pods.because, because);
    assert.equal(change.pods.replaced, outcome === 'restart' ? 2 : 0);
  });
}

const CUTS: readonly { readonly what: string; readonly after: object; readonly says: RegExp }[] = [
  {
    what: 'a database that goes',
    after: { databases: [BASE.databases[1]] },
    says: /^clients of app are turned away, and disconnected when their transactions are done/,
  },
  { what: 'a user who goes', after: { users: [] }, says: /^clients that log in as app are refused from now on/ },
  {
    what: 'a forced user that changes',
    after: { databases: [BASE.databases[0], { name: 'other', serverUser: { name: 'next', ...REF } }] },
    says: /^server connections of other are replaced by connections of next as transactions end; clients stay$/,
  },
  {
    what: 'a forced user that goes, which PgBouncer does not do',
    after: { databases: [BASE.databases[0], { name: 'other' }] },
    says: /^server connections of other stay those of forced: PgBouncer forgets a forced user only at a restart/,
  },
  {
    what: 'sessions at a restart',
    after: { parameters: { pkt_buf: 8192 } },
    says: /^sessions of app, other have 300 s to end by themselves and are cut off then/,
  },
];

for (const { what, after, says } of CUTS) {
  test(`told who notices: ${what}`, () => {
    const cuts = cutsOf(compared({}, after));
    assert.ok(
      cuts.some((cut) => says.test(cut)),
      cuts.join('\n'),
    );
  });
}

const TLS = (mode: string) => ({
  tls: { client: { mode, secretRef: { name: 't' }, caSecretRef: { name: 'ca', key: 'ca.crt' } } },
});

test('clients that may not come any more are told: without TLS, without a certificate, of a database at rest', () => {
  const tls = (before: string, after: string) => cutsOf(compared(TLS(before), TLS(after)));
  assert.deepEqual(tls('prefer', 'require'), ['clients without TLS are refused when they connect']);
  assert.deepEqual(tls('require', 'verify-full'), ['clients without a certificate are refused when they connect']);
  assert.deepEqual(tls('require', 'prefer'), []);
  const state = (name: string) =>
    cutsOf(compared({}, { databases: [{ name: 'app', state: name }, BASE.databases[1]] }));
  assert.match(state('Paused')[0] ?? '', /^clients of app wait until it is Enabled again/);
  assert.match(state('Disabled')[0] ?? '', /^clients of app are turned away when they connect/);
  assert.deepEqual(state('Enabled'), []);
});

test('nobody is cut off by a reload that keeps every name, nor in session at a restart that pools by transaction', () => {
  assert.deepEqual(cutsOf(compared({}, { parameters: { query_timeout: 5 } })), []);
  const fast = { profile: 'highThroughput' };
  const [all, ...others] = cutsOf(compared(fast, { ...fast, parameters: { pkt_buf: 8192 } }));
  assert.match(all ?? '', /^all clients reconnect once/);
  assert.deepEqual(others, []);
});

test('a lookup that goes stays until a restart, that of a single database does not, and nobody was where it ran', () => {
  const query = { userSecretRef: { name: 'asker' }, database: 'postgres' };
  const [cut, ...others] = cutsOf(compared({ auth: { query } }, {}));
  assert.match(cut ?? '', /^users who are looked up by auth\.query are looked up as before .* only at a restart/);
  assert.deepEqual(others, []);
  const own = { databases: [{ name: 'app', authQuery: query }, BASE.databases[1]] };
  assert.deepEqual(cutsOf(compared(own, {})), []);
  const { settings, outcome } = compared({}, own);
  assert.equal(outcome, 'reload');
  assert.deepEqual(
    settings.map(({ name, key, after }) => [name, key, after]),
    [
      ['app', 'auth_user', '<databases[0].authQuery.userSecretRef>'],
      ['app', 'auth_dbname', 'postgres'],
      ['app', 'auth_query', 'SELECT uname, phash FROM pooler.user_lookup($1)'],
    ],
  );
});

test('a "*" that goes stays until a restart', () => {
  const [cut] = cutsOf(compared({ databases: undefined }, {}));
  assert.match(cut ?? '', /forgets "\*" only at a restart/);
});

test('a setting says what it was, what it will be, and who decides', () => {
  const [change] = compared({ parameters: { server_lifetime: 9 } }, {}).settings;
  assert.deepEqual(change, {
    section: 'pgbouncer',
    key: 'server_lifetime',
    before: '9',
    after: '600',
    by: 'reload',
    source: "Poolkeeper's default",
  });
});

test('the first and the last limit of a user are changes of that user', () => {
  const limited = { users: [{ name: 'app', ...REF, queryTimeout: '5s' }] };
  const brief = (change: PoolerChange) =>
    change.settings.map(({ name, key, before, after }) => [name, key, before, after]);
  assert.deepEqual(brief(compared({}, limited)), [['app', 'query_timeout', null, '5']]);
  assert.deepEqual(brief(compared(limited, {})), [['app', 'query_timeout', '5', null]]);
  assert.deepEqual(compared({}, limited).entries, []);
});

test('access rules are compared line by line', () => {
  assert.deepEqual(
    compared({}, { auth: { type: 'md5' } }).entries.map(({ change, name }) => `${change} ${name}`),
    [
      'removed host all all 0.0.0.0/0 scram-sha-256',
      'removed host all all ::/0 scram-sha-256',
      'added host all all 0.0.0.0/0 md5',
      'added host all all ::/0 md5',
    ],
  );
});

test('an access rule that moves is told: the first one that matches counts', () => {
  const hba = (...lines: readonly string[]) => ({ auth: { type: 'hba', hba: lines } });
  const [all, none] = ['host all all 10.0.0.0/8 scram-sha-256', 'host all all 10.1.0.0/16 reject'];
  const change = compared(hba(none, all), hba(all, none));
  assert.equal(change.outcome, 'reload');
  assert.deepEqual(
    change.entries.map((entry) => entry.change),
    ['removed', 'added'],
  );
  assert.match(cutsOf(change).join(), /the order of the rules changes/);
  assert.ok(change.cuts.some(({ cuts }) => cuts));
});

test('maps of names are compared line by line, and their file is not told by its name', () => {
  const tls = { client: { mode: 'verify-full', secretRef: { name: 't' }, caSecretRef: { name: 'ca', key: 'ca.crt' } } };
  const auth = (...ident: readonly string[]) => ({
    tls,
    auth: { type: 'hba', hba: ['hostssl all all 0.0.0.0/0 cert map=m'], ident },
  });
  const change = compared(auth('m a.example.com app'), auth('m a.example.com app', 'm b.example.com app'));
  assert.deepEqual(change.settings, []);
  assert.deepEqual(change.entries, [{ section: 'access', name: 'map m b.example.com app', change: 'added' }]);
  const reloaded = compared(auth('m a.example.com app'), {
    ...auth('m a.example.com app'),
    parameters: { query_timeout: 9 },
  });
  assert.deepEqual(
    reloaded.settings.map(({ key }) => key),
    ['query_timeout'],
  );
});

const REFUSED: readonly {
  readonly what: string;
  readonly before?: object;
  readonly after: object;
  readonly says: RegExp | undefined;
}[] = [
  {
    what: 'another port of the Service',
    after: { service: { port: 5432 } },
    says: /^clients that know port 6432 find nobody there when they connect: the Service has port 5432$/,
  },
  {
    what: 'a Service that is not for the outside any more',
    before: { service: { type: 'LoadBalancer' } },
    after: {},
    says: /^clients outside the cluster do not reach the Service any more$/,
  },
  { what: 'fewer pods', after: { replicas: 1 }, says: /^clients of 1 of 2 pods reconnect to the others/ },
  { what: 'no pods', after: { replicas: 0 }, says: /^all clients are cut off and turned away/ },
  { what: 'more pods', after: { replicas: 3 }, says: undefined },
  {
    what: 'another method',
    after: { auth: { type: 'ldap', ldap: { options: { ldapserver: 'd', ldapprefix: 'x' } } } },
    says: /^clients must log in by ldap instead of scram-sha-256 when they connect$/,
  },
  { what: 'a method that takes the same', after: { auth: { type: 'md5' } }, says: undefined },
  {
    what: 'a rule that goes',
    before: { auth: { type: 'hba', hba: ['host all all 10.0.0.0/8 md5', 'host all all 192.168.0.0/16 md5'] } },
    after: { auth: { type: 'hba', hba: ['host all all 10.0.0.0/8 md5'] } },
    says: /^clients of "host all all 192\.168\.0\.0\/16 md5" are refused when they connect, unless another rule lets them in$/,
  },
  {
    what: 'a reject that comes',
    before: { auth: { type: 'hba', hba: ['host all all 10.0.0.0/8 md5'] } },
    after: { auth: { type: 'hba', hba: ['host all all 10.1.0.0/16 reject', 'host all all 10.0.0.0/8 md5'] } },
    says: /^clients of "host all all 10\.1\.0\.0\/16 reject" are refused when they connect/,
  },
  {
    what: 'a lookup in a database of its own',
    after: { auth: { query: { userSecretRef: { name: 'asker' }, database: 'postgres' } } },
    says: undefined,
  },
  {
    what: 'fewer clients',
    before: { maxClientConnections: 500 },
    after: { maxClientConnections: 100 },
    says: /^clients are refused when 100 of them are connected to their replica/,
  },
  { what: 'more clients', before: { maxClientConnections: 5 }, after: { maxClientConnections: 9 }, says: undefined },
  {
    what: 'the first limit of a database',
    after: { databases: [{ name: 'app', maxClientConnections: 7 }, BASE.databases[1]] },
    says: /^clients of app are refused when 7 of them are connected/,
  },
  {
    what: 'the first limit of a user',
    after: { users: [{ name: 'app', maxClientConnections: 7, ...REF }] },
    says: /^clients that log in as app are refused when 7 of them are connected/,
  },
];

for (const { what, before = {}, after, says } of REFUSED) {
  test(`clients that come in vain, or have to come again, are told: ${what}`, () => {
    const found = compared(before, after).cuts.filter(({ cuts }) => cuts);
    const lines = found.map((cut) => `${cut.who} ${cut.what}`);
    if (says === undefined) assert.deepEqual(lines, []);
    else assert.match(lines.join('\n'), new RegExp(says, 'm'));
  });
}

test('a database that leads elsewhere, and one that pools otherwise, is good to know', () => {
  const told = (after: object) => {
    const { cuts } = compared({}, after);
    assert.ok(cuts.every((cut) => !cut.cuts));
    return cuts.map(({ who, what }) => `${who} ${what}`);
  };
  assert.match(
    told({ backends: [{ host: 'elsewhere' }] }).join(),
    /^server connections of app are replaced by connections to elsewhere:5432\/app as transactions end/,
  );
  assert.match(
    told({ defaults: { poolMode: 'transaction' } }).join(),
    /^clients of app pool by transaction instead of session/,
  );
});

test('what only a restart changes waits for one where restarts are manual', () => {
  const manual = (fields: object) => ({ rollout: { restart: 'Manual' }, ...fields });
  const change = compared(manual({}), manual({ parameters: { pkt_buf: 8192 } }));
  assert.deepEqual([change.outcome, change.waiting, change.pods.replaced], ['waits', ['pkt_buf'], 0]);
  assert.deepEqual(change.cuts, []);
  const both = compared(manual({}), manual({ parameters: { pkt_buf: 8192, query_timeout: 5 } }));
  assert.deepEqual([both.outcome, both.waiting], ['reload', ['pkt_buf']]);
  // A restart that comes for another reason takes it along.
  const image = compared(manual({}), manual({ parameters: { pkt_buf: 8192 }, image: 'pgbouncer:1.26.0' }));
  assert.deepEqual([image.outcome, image.waiting], ['restart', []]);
});

test('a default that is written out replaces the pods when it is read at a start, and that is said', () => {
  const change = compared({}, { parameters: { pkt_buf: 4096 } });
  assert.deepEqual([change.outcome, change.pods.because], ['restart', ['pkt_buf is read only at a start']]);
});

test('a wish for a restart replaces the pods; a file that says nothing of it leaves it be', () => {
  const wished = (when?: string): OfflinePlan => {
    const plan = planned({});
    const annotations = when === undefined ? {} : { 'kubectl.kubernetes.io/restartedAt': when };
    return { ...plan, pooler: { ...plan.pooler, metadata: { ...plan.pooler.metadata, annotations } } };
  };
  const outcome = (before?: string, after?: string) => comparePoolers(wished(before), wished(after)).outcome;
  assert.deepEqual([outcome('1', '2'), outcome(undefined, '1')], ['restart', 'restart']);
  assert.deepEqual([outcome('1', '1'), outcome('1', undefined)], ['none', 'none']);
});

test('a pooler that is suspended says that nothing is written', () => {
  assert.equal(compared({}, { suspend: true, maxClientConnections: 5 }).suspended, true);
});
