import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CORE_SCHEMA, loadAll } from 'js-yaml';
import { runCli } from './testing/run-cli.ts';

const POOLER = `apiVersion: poolkeeper.dev/v1alpha1
kind: ConnectionPooler
metadata: {name: app, namespace: shop}
spec:
  backends: [{service: {name: pg}}]
  databases: [{name: app}]
  auth: {query: {userSecretRef: {name: asker}, database: postgres}}
`;
const JOB = ['sql', '--job', '-f', '-', '--admin-secret', 'pg-superuser'];

describe('kubectl pooler sql', { concurrency: 2 }, () => {
  it('prints SQL with the names that were asked for, and what to write into the pooler', async () => {
    const { code, stdout } = await runCli(['sql', '--schema', 'Lookup', '--user', 'asker-1']);
    assert.equal(code, 0);
    assert.match(stdout, /CREATE SCHEMA IF NOT EXISTS "Lookup";/);
    assert.match(stdout, /GRANT EXECUTE ON FUNCTION "Lookup"\.user_lookup\(text\) TO "asker-1";/);
    assert.match(stdout, /sql: 'SELECT uname, phash FROM "Lookup"\.user_lookup\(\$1\)'/);
  });

  for (const [what, args, said] of [
    ['a name that would need thought', ['--user', 'a"; DROP TABLE x; --'], /--user takes letters, digits and _\.-/],
    ['a pooler without --job', ['-f', '-'], /-f and --admin-secret are for --job/],
    ['a Job for nobody', ['--job'], /--job needs -f FILE and --admin-secret NAME/],
    ['a Job with a schema of its own', [...JOB.slice(1), '--schema', 'x'], /--job has the schema pooler/],
    ['a Job for a database that there is not', [...JOB.slice(1), '--database', 'other'], /has no database other/],
    ['an option that there is not', ['--force'], /Unknown option '--force'/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const { code, stdout, stderr } = await runCli(['sql', ...args], POOLER);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, said);
    });
  }

  it('refuses a Job for a pooler that does not ask, and for one that is wrong', async () => {
    const silent = await runCli(JOB, POOLER.replace(/ {2}auth.*\n/, ''));
    assert.equal(silent.code, 2);
    assert.match(silent.stderr, /the pooler has no auth\.query/);
    const wrong = await runCli(JOB, POOLER.replace('postgres}', 'pgbouncer}'));
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^stdin: spec\.auth\.query\.database: is no database of the server/);
  });

  it('prints a Job that Pod Security restricted admits, where the query will run, with no password in it', async () => {
    const { code, stdout } = await runCli([...JOB, '--image', 'registry.example.com/psql:18'], POOLER);
    assert.equal(code, 0);
    const [map, job]: readonly Record<string, unknown>[] = JSON.parse(
      JSON.stringify(loadAll(stdout, { schema: CORE_SCHEMA })),
    );
    assert.deepEqual(map?.['metadata'], job?.['metadata']);
    assert.partialDeepStrictEqual(job, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'app-lookup-install', namespace: 'shop' },
      spec: {
        backoffLimit: 3,
        template: {
          spec: {
            restartPolicy: 'Never',
            automountServiceAccountToken: false,
            securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [
              {
                image: 'registry.example.com/psql:18',
                env: [
                  { name: 'PGHOST', value: 'pg.shop.svc' },
                  { name: 'PGPORT', value: '5432' },
                  { name: 'PGDATABASE', value: 'postgres' },
                  { name: 'PGCONNECT_TIMEOUT', value: '10' },
                  { name: 'PGUSER', valueFrom: { secretKeyRef: { name: 'pg-superuser', key: 'username' } } },
                  { name: 'PGPASSWORD', valueFrom: { secretKeyRef: { name: 'pg-superuser', key: 'password' } } },
                  { name: 'LOOKUP_USER', valueFrom: { secretKeyRef: { name: 'asker', key: 'username' } } },
                  { name: 'LOOKUP_PASSWORD', valueFrom: { secretKeyRef: { name: 'asker', key: 'password' } } },
                ],
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ['ALL'] },
                },
              },
            ],
          },
        },
      },
    });
  });

  const TWO = `apiVersion: poolkeeper.dev/v1alpha1
kind: ConnectionPooler
metadata: {name: app, namespace: shop}
spec:
  backends: [{service: {name: pg}}, {name: other, service: {name: pg-other}}]
  databases:
    - {name: one, backend: primary, authQuery: {userSecretRef: {name: ask-one}}}
    - {name: "Two", backend: other, authQuery: {userSecretRef: {name: ask-two}, database: postgres}}
`;

  for (const [database, ...seen] of [
    ['one', /name: app-lookup-install-one$/m, /value: pg\.shop\.svc/, /value: one/, /name: ask-one/],
    ['Two', /name: app-lookup-install-[0-9a-f]{8}$/m, /value: pg-other\.shop\.svc/, /value: postgres/, /name: ask-two/],
  ] as const) {
    it(`prints a Job for the lookup of ${database} alone, on its server, with its login`, async () => {
      const { code, stdout } = await runCli([...JOB, '--database', database], TWO);
      assert.equal(code, 0);
      for (const each of seen) assert.match(stdout, each);
    });
  }

  it('says that a Job cannot reach a socket in the pods', async () => {
    const { code, stderr } = await runCli(JOB, POOLER.replace('service: {name: pg}', 'host: /run/postgresql'));
    assert.equal(code, 2);
    assert.match(stderr, /the server of postgres is behind a Unix socket .*; print the SQL instead/);
  });

  it('asks for which of several lookups a Job shall be', async () => {
    const { code, stderr } = await runCli(JOB, TWO);
    assert.equal(code, 2);
    assert.match(stderr, /each of one, Two has an authQuery; name one with --database/);
    const single = await runCli(JOB, TWO.replace(/, authQuery: \{userSecretRef: \{name: ask-one\}\}/, ''));
    assert.match(single.stdout, /name: ask-two/);
  });

  it('prints a Job of another name that removes it', async () => {
    const { stdout } = await runCli([...JOB, '--remove'], POOLER);
    assert.match(stdout, /name: app-lookup-remove/);
    assert.match(stdout, /DROP FUNCTION IF EXISTS "pooler"\.user_lookup\(text\)/);
    assert.doesNotMatch(stdout, /LOOKUP_PASSWORD|CREATE/);
  });
});
