import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolerOf } from '../api/testing/json.ts';
import { type OfflinePlan, planOffline } from '../cli/offline-plan.ts';
import { comparePoolers, type Outcome, type PoolerChange } from './compare.ts';

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
