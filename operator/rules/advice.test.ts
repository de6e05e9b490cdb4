import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validSpec } from '../api/testing/arbitrary-spec.ts';
import { formatWarning } from '../api/warning.ts';
import { parseVersion } from '../pgbouncer/version.ts';
import { planned, validated } from '../plan/testing/planned.ts';
import { withoutFaults } from '../plan/testing/without-faults.ts';
import { fc } from '../testing/properties.ts';
import { adviceOn } from './advice.ts';

const REF = { name: 'app', key: 'password' } as const;
const USER = { name: 'app', passwordSecretRef: REF } as const;

function adviceLines(fields: object, image = '1.26.1'): readonly string[] {
  const result = validated({ backends: [{ host: 'pg' }], ...fields });
  const version = parseVersion(image);
  assert.ok(result.spec && version, JSON.stringify(result));
  const { config, faults } = planned(result.spec, version);
  assert.ok(config, JSON.stringify(faults));
  return adviceOn(result.spec, version, config.ini).map(({ reason, path, value, problem, remedy }) =>
    [reason, path, value ?? '-', problem, remedy].join(' | '),
  );
}

interface Case {
  readonly what: string;
  readonly spec: object;
  readonly image?: string;
  /** Nothing: no warning at all. */
  readonly said?: RegExp;
}

const session = (fields: object = {}) => ({ name: 'batch', poolMode: 'session', ...fields });
const transaction = (fields: object = {}) => ({ name: 'app', poolMode: 'transaction', ...fields });
const KNOWN = { server_reset_query_always: 0 };

const CASES: Readonly<Record<string, readonly Case[]>> = {
  'what nothing asks': [
    {
      what: 'is a directory without a type or a line that means it',
      spec: { auth: { ldap: { options: { ldapserver: 'd', ldapprefix: 'x' } } } },
      said: /^NotAsked \| spec\.auth\.ldap \| - \| names a directory that nobody is looked up in: clients log in by scram-sha-256 \| set auth\.type: ldap/,
    },
    {
      what: 'is not a directory of the type',
      spec: { auth: { type: 'ldap', ldap: { options: { ldapserver: 'd', ldapprefix: 'x' } } } },
    },
    {
      what: 'is not a directory of one line',
      spec: {
        auth: { type: 'hba', hba: ['host all all ::/0 ldap'], ldap: { options: { ldapserver: 'd', ldapprefix: 'x' } } },
      },
    },
    {
      what: 'is a map that no line names',
      spec: { auth: { ident: ['clients app.example.com app'] } },
      said: /^NotAsked \| spec\.auth\.ident\[0\] \| clients app\.example\.com app \| is of a map that no line of auth\.hba names/,
    },
    {
      what: 'are authorities of servers in a mode that verifies none',
      spec: { tls: { server: { mode: 'require', caSecretRef: { name: 'ca', key: 'ca.crt' } } } },
      said: /^NotVerified \| spec\.tls\.server\.mode \| require \| takes any server for the right one, although authorities are given \| use verify-full/,
    },
    {
      what: 'are authorities of clients in a mode that demands no certificate',
      spec: {
        tls: { client: { mode: 'require', secretRef: { name: 't' }, caSecretRef: { name: 'ca', key: 'ca.crt' } } },
      },
      said: /^NotVerified \| spec\.tls\.client\.mode \| require \| lets clients in without a certificate/,
    },
    {
      what: 'are not authorities that one line asks for',
      spec: {
        auth: { type: 'hba', hba: ['hostssl all all ::/0 cert'] },
        tls: { client: { mode: 'require', secretRef: { name: 't' }, caSecretRef: { name: 'ca', key: 'ca.crt' } } },
      },
    },
  ],
  'a session pool': [
    {
      what: 'smaller than the clients that it lets in is named with the sum (100 clients on 10)',
      spec: { databases: [session({ poolSize: 10, reservePoolSize: 0, maxClientConnections: 100 })] },
      said: /^SessionPoolTooSmall \| spec\.databases\[0\]\.maxClientConnections \| 100 \| lets 100 clients into 10 server connections of batch \(pool 10\).*the last 90 wait.* \| raise the pool to 100/,
    },
    {
      what: 'counts its reserve, and its ceiling',
      spec: {
        databases: [session({ poolSize: 10, reservePoolSize: 2, maxServerConnections: 11, maxClientConnections: 100 })],
      },
      said: /into 11 server connections of batch \(pool 10 and reserve 2\)/,
    },
    {
      what: 'has a pool for each user',
      spec: {
        databases: [session({ poolSize: 10, reservePoolSize: 0, maxClientConnections: 20 })],
        users: [USER, { ...USER, name: 'other' }],
      },
    },
    {
      what: 'has one pool for all users when it forces one upon them',
      spec: {
        databases: [
          session({
            poolSize: 10,
            reservePoolSize: 0,
            maxClientConnections: 20,
            serverUser: { name: 'owner', passwordSecretRef: REF },
          }),
        ],
        users: [USER, { ...USER, name: 'other' }],
      },
      said: /into 10 server connections/,
    },
    {
      what: 'is measured by the limit of all clients where there is no other pool',
      spec: { maxClientConnections: 100, databases: [session({ poolSize: 10, reservePoolSize: 2 })] },
      said: /^SessionPoolTooSmall \| spec\.maxClientConnections \| 100 \| lets 100 clients into 12 /,
    },
    {
      what: 'is not measured by the limit of all clients where others pool by transaction',
      spec: {
        maxClientConnections: 1000,
        databases: [session({ poolSize: 10 }), transaction()],
        parameters: KNOWN,
      },
    },
    {
      what: 'that holds its clients is left alone',
      spec: { databases: [session({ poolSize: 100, maxClientConnections: 100 })] },
    },
    {
      what: 'follows the share of a budget, which is less than it looks',
      spec: {
        replicas: 3,
        backends: [{ host: 'pg' }],
        databases: [session({ connectionBudget: 20, maxClientConnections: 100 })],
      },
      said: /into 4 server connections of batch \(pool 4\)/,
    },
    {
      what: 'without a size is 30 under profile balanced',
      spec: { databases: [session()] },
      said: /^SessionPoolWithoutSize \| spec\.databases\[0\]\.poolSize \| - \| is not set, and batch pools by session: 30 clients .* profile balanced/,
    },
    {
      what: "without a size is PgBouncer's 20 under profile pgbouncer, also when all pools are session pools",
      spec: { profile: 'pgbouncer', defaults: { poolMode: 'session' }, databases: [{ name: 'app' }] },
      said: /^SessionPoolWithoutSize \| spec\.databases\[0\]\.poolSize .* 20 clients .* profile pgbouncer/,
    },
    { what: 'whose mode nobody chose is left alone', spec: { databases: [{ name: 'app' }] } },
    {
      what: 'with a size for all databases is left alone',
      spec: { defaults: { poolSize: 9 }, databases: [session()] },
    },
  ],
  'a pool that takes connections back early': [
    {
      what: 'leaks what SET has set, unless it is reset each time',
      spec: { databases: [transaction(), session({ poolSize: 100 })] },
      said: /^SessionStateLeaks \| spec\.parameters\.server_reset_query_always \| - \| is not set, and the next client inherits what a client of app \(transaction\) leaves behind.*row-level security.*SET ROLE/,
    },
    {
      what: 'leaks for a user whose own mode it is, whatever the mode of the database',
      spec: { databases: [{ name: 'app' }], users: [{ ...USER, poolMode: 'statement' }] },
      said: /^SessionStateLeaks .* a client of user app \(statement\) leaves behind/,
    },
    {
      what: 'is named with a few of its kind',
      spec: {
        defaults: { poolMode: 'transaction' },
        databases: Array.from({ length: 9 }, (_, index) => ({ name: `d${index}` })),
      },
      said: /a client of d0 \(transaction\), .* d4 \(transaction\) and 4 more leaves behind/,
    },
    {
      what: 'does so under a profile that pools by transaction',
      spec: { profile: 'highThroughput' },
      said: /^SessionStateLeaks .* client of \* \(transaction\)/,
    },
    {
      what: 'is left alone when it is reset each time',
      spec: { databases: [transaction()], parameters: { server_reset_query_always: 1 } },
    },
    {
      what: 'is left alone when its user says that it is known',
      spec: { databases: [transaction()], parameters: KNOWN },
    },
  ],
  'a pool that shall be warm': [
    {
      what: 'is not from the start without a user of its own',
      spec: { databases: [{ name: 'app', minPoolSize: 10 }] },
      said: /^WarmOnlyLater \| spec\.databases\[0\]\.minPoolSize \| 10 \| is kept only after a client .* \| set spec\.databases\[0\]\.serverUser/,
    },
    {
      what: 'is not either when all shall be',
      spec: { defaults: { minPoolSize: 2 }, databases: [{ name: 'app' }] },
      said: /^WarmOnlyLater \| spec\.defaults\.minPoolSize \| 2 \| .* in app \|/,
    },
    {
      what: 'is with one',
      spec: { databases: [{ name: 'app', minPoolSize: 10, serverUser: { name: 'owner', passwordSecretRef: REF } }] },
    },
  ],
  'a startup parameter': [
    {
      what: 'that limits queries is dropped: the same limit is printed for the server and for PgBouncer',
      spec: { parameters: { ignore_startup_parameters: 'statement_timeout' }, users: [{ ...USER, name: 'a"b' }] },
      said: /^StartupParameterDropped \| spec\.parameters\.ignore_startup_parameters \| statement_timeout \| .* \| run on the server: ALTER ROLE "a""b" SET statement_timeout = '30s'; or set spec\.users\[\]\.queryTimeout: 30s or parameters: \{query_timeout: 30\}$/,
    },
    {
      what: 'that hides in options is, too',
      spec: { parameters: { ignore_startup_parameters: 'extra_float_digits, options' }, users: [USER] },
      said: /^StartupParameterDropped \| .* \| options \| .*-c statement_timeout=30000.* ALTER ROLE "app" SET statement_timeout/,
    },
    {
      what: 'is limited for all users together before 1.24',
      image: '1.18.0',
      spec: { parameters: { ignore_startup_parameters: 'statement_timeout' }, users: [USER] },
      said: /or set parameters: \{query_timeout: 30\}$/m,
    },
    {
      what: 'whose limit every user has is left alone',
      spec: { parameters: { ignore_startup_parameters: 'options' }, users: [{ ...USER, queryTimeout: '30s' }] },
    },
    {
      what: 'whose limit everybody has is left alone',
      spec: { parameters: { ignore_startup_parameters: 'statement_timeout', query_timeout: 30 } },
    },
    {
      what: 'that chooses what is found is named',
      spec: { parameters: { ignore_startup_parameters: 'search_path' } },
      said: /search_path \| .* ALTER ROLE … SET search_path = …;$/,
    },
    { what: 'of no account is left alone', spec: { parameters: { ignore_startup_parameters: 'extra_float_digits' } } },
  ],
  'an image': [
    {
      what: 'with known holes is named with all of them',
      image: '1.24.1',
      spec: { image: 'pgbouncer:1.24.1' },
      said: /^ImageOutdated \| spec\.image \| pgbouncer:1\.24\.1 \| holds PgBouncer 1\.24\.1, which has .*CVE-2026-6664, CVE-2026-6665, CVE-2026-6666, CVE-2026-6667.* \| use an image of PgBouncer 1\.26\.1 or newer/,
    },
    { what: 'without any is left alone', spec: {} },
  ],
};

for (const [about, cases] of Object.entries(CASES)) {
  describe(about, () => {
    for (const { what, spec, image, said } of cases) {
      it(what, () => {
        // What an old image is told anyway belongs to the last group alone.
        const lines = adviceLines(spec, image).filter(
          (line) => about === 'an image' || !line.startsWith('ImageOutdated'),
        );
        if (said === undefined) assert.deepEqual(lines, []);
        else {
          assert.equal(lines.length, 1, lines.join('\n'));
          assert.match(lines[0] ?? '', said);
        }
      });
    }
  });
}

describe('any sound specification', () => {
  it('is advised on in lines that name a field and a way out, and hold no number that is none', () => {
    const version = parseVersion('1.26.1');
    assert.ok(version);
    fc.assert(
      fc.property(validSpec, (input) => {
        const { spec, plan } = withoutFaults(input, version);
        assert.ok(plan.config);
        for (const warning of adviceOn(spec, version, plan.config.ini)) {
          const line = formatWarning(warning);
          assert.match(line, /^warning: spec\S*: .+; .+$/);
          assert.doesNotMatch(line, /\bNaN\b|Infinity|undefined|\p{Cc}/u);
        }
      }),
      { numRuns: 150 },
    );
  });
});
