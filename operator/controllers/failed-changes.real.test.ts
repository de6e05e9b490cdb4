/**
 * Changes that fail on purpose, under load: what is promised of each of them, on every version. Clients of the replicas
 * that go on notice nothing, every limit is what it was, the pointer stays, and the reason is told.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from 'pg';
import { LoginRefusedError } from '../console/errors.ts';
import { REAL_VERSIONS } from '../console/testing/real-pgbouncer.ts';
import { type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import type { Config } from '../plan/config.ts';
import type { ChangeResult } from './change.ts';
import type { ChangeSteps } from './change-acts.ts';
import { APP_PASSWORD, type LocalFleet, startLocalFleet } from './testing/local-fleet.ts';
import { type Load, startLoad } from './testing/pgbench.ts';

const FIRST = 900;
/** The last pod is the first to get a revision. */
const CANARY = 2;
/** What must not be weakened by any failure. */
const LIMITS = ['max_client_conn', 'default_pool_size', 'auth_type', 'admin_users', 'server_tls_sslmode', 'pool_mode'];

interface Kind {
  readonly what: string;
  readonly outcome: ChangeResult['outcome'];
  /** Of what the user is told. */
  readonly reason: RegExp;
  /** What became of the files on their way. */
  readonly files?: (config: Config) => Config;
  readonly steps?: (steps: ChangeSteps, fleet: LocalFleet) => ChangeSteps;
  /** How often it must be tried until it is told so. */
  readonly attempts?: number;
  /** The others are all there, and get the revision. */
  readonly proved?: number;
}

const edit =
  (kind: 'ini' | 'userlist' | 'hba', change: (text: string) => string): NonNullable<Kind['files']> =>
  (config) => {
    const name = `${config.revision}.${kind}`;
    return { ...config, files: { ...config.files, [name]: change(config.files[name] ?? '') } };
  };
const without =
  (kind: 'userlist' | 'hba'): NonNullable<Kind['files']> =>
  (config) => ({
    ...config,
    files: Object.fromEntries(Object.entries(config.files).filter(([name]) => !name.endsWith(`.${kind}`))),
  });

const KINDS: readonly Kind[] = [
  {
    what: 'a setting that this binary does not know',
    files: edit('ini', (ini) => ini.replace('log_stats = 0', 'no_such_setting = 1\nlog_stats = 0')),
    outcome: 'refused',
    reason: /unknown parameter: pgbouncer\/no_such_setting/,
  },
  {
    what: 'a value that this binary refuses, before every limit',
    files: edit('ini', (ini) => ini.replace('[pgbouncer]\n', '[pgbouncer]\npool_mode = sometimes\n')),
    outcome: 'refused',
    reason: /invalid value for parameter pool_mode/,
  },
  {
    what: 'a database entry that this binary refuses',
    files: edit('ini', (ini) => ini.replace("dbname='app'", "dbname='app' nonsense='1'")),
    outcome: 'refused',
    reason: /invalid value for parameter app in configuration/,
  },
  {
    what: 'a file that is cut off in its middle',
    files: edit('ini', (ini) => ini.slice(0, ini.indexOf('max_client_conn = '))),
    outcome: 'refused',
    reason: /stopped in the middle|the revision is/,
  },
  {
    what: 'a userlist that a hand has broken in its first line',
    files: edit('userlist', (userlist) => userlist.replace('"poolkeeper"', 'poolkeeper"')),
    outcome: 'refused',
    reason: /login is not as rendered|broken auth file/,
  },
  {
    what: 'a userlist that a hand has broken in its last line',
    files: edit('userlist', (userlist) => userlist.replace('"poolkeeper_proof"', 'poolkeeper_proof"')),
    outcome: 'refused',
    reason: /login is not as rendered|broken auth file/,
  },
  {
    what: 'no userlist',
    files: without('userlist'),
    outcome: 'refused',
    reason: /login is not as rendered|auth_file/,
  },
  {
    what: 'no access rules',
    files: without('hba'),
    outcome: 'refused',
    reason: /login is not as rendered|hba/,
  },
  {
    what: 'access rules that let nobody in',
    files: edit('hba', () => 'host all all 0.0.0.0/0 reject\n'),
    outcome: 'refused',
    reason: /login is not as rendered/,
  },
  {
    what: 'a canary whose console does not answer any more',
    steps: (steps, fleet) => ({
      ...steps,
      openSession: async (pod) => {
        const session = await steps.openSession(pod);
        if (pod.name !== 'pod-2') return session;
        const reload = (): Promise<never> => {
          fleet.processes[2]?.pause();
          return Promise.reject(new Error('no answer'));
        };
        return { ...session, reload };
      },
    }),
    outcome: 'retry',
    reason: /pod-2: no answer/,
  },
  {
    what: 'a canary that stands still for longer than it is waited for, twice: that is not to die',
    steps: (steps, fleet) => ({
      ...steps,
      openSession: async (pod) => {
        const session = await steps.openSession(pod);
        if (pod.name !== 'pod-2') return session;
        const reload = (): ReturnType<typeof session.reload> => {
          fleet.processes[2]?.pause();
          return session.reload();
        };
        return { ...session, reload };
      },
    }),
    attempts: 2,
    outcome: 'retry',
    reason: /pod-2: .*no answer to RELOAD within 2 s/,
  },
  {
    what: 'a replica whose console is out of reach',
    steps: (steps) => ({
      ...steps,
      openSession: (pod) => (pod.name === 'pod-0' ? Promise.reject(new Error('out of reach')) : steps.openSession(pod)),
    }),
    outcome: 'proved',
    proved: 2,
    reason: /pod-0: out of reach/,
  },
  {
    what: 'a login of the operator that is refused everywhere',
    steps: (steps) => ({ ...steps, openSession: () => Promise.reject(new LoginRefusedError('login refused')) }),
    outcome: 'retry',
    reason: /login refused/,
  },
  {
    what: 'a Secret that is gone before its files arrive',
    steps: (steps) => ({ ...steps, handOut: async () => undefined }),
    outcome: 'retry',
    reason: /PgBouncer is still on|No such file|superseded/,
  },
  {
    what: 'a canary that dies of it, twice',
    steps: (steps) => ({
      ...steps,
      openSession: async (pod) => {
        const session = await steps.openSession(pod);
        return pod.name === 'pod-2'
          ? { ...session, reload: () => Promise.reject(new Error('the connection is closed')) }
          : session;
      },
    }),
    attempts: 2,
    outcome: 'refused',
    reason: /the process died 2 times while it took this revision/,
  },
];

for (const version of REAL_VERSIONS) {
  describe(`a change of three real pgbouncers ${version} under load that fails by`, () => {
    let fleet: LocalFleet;
    let postgres: RealPostgres;
    let loads: readonly Load[] = [];
    before(async () => {
      postgres = await startPostgres();
      await postgres.sql(`CREATE ROLE app LOGIN PASSWORD '${APP_PASSWORD}'`);
      await postgres.sql('CREATE DATABASE app OWNER app');
      await postgres.pgbenchTables('app', 'app');
      fleet = await startLocalFleet(version, 3, FIRST, {
        backends: [{ name: 'primary', host: postgres.host, port: postgres.port }],
      });
      await Promise.all(fleet.processes.map(({ port }) => connectServers(port)));
      loads = await Promise.all(
        fleet.processes.map(({ port }) =>
          startLoad({ host: '127.0.0.1', port, user: 'app', password: APP_PASSWORD, database: 'app', rate: 20 }),
        ),
      );
    });
    after(async () => {
      const results = await Promise.all(loads.map((load) => load.stop()));
      await fleet?.stop();
      await postgres?.stop();
      for (const [index, { transactions, complaints }] of results.entries()) {
        assert.ok(transactions > 0, 'there was a load');
        // Of the replica that tries it first: until it is back, PgBouncer itself may break off the login of a new server
        // connection, and turns away who waits for that.
        const wasTurnedAway =
          index === CANARY && complaints.some((line) => line.includes('server login has been failing'));
        if (!wasTurnedAway) assert.deepEqual(complaints, [], 'no client was dropped, no transaction lost');
      }
    });

    const limits = () => Promise.all(LIMITS.map((key) => fleet.settings(key)));

    for (const [index, kind] of KINDS.entries()) {
      it(`${kind.what} ${kind.outcome === 'proved' ? 'goes on without it' : 'leaves everything as it was'}, and says so`, async () => {
        const [before, pointer] = [await limits(), await fleet.pointer()];
        const healthy = fleet.configOf(500 + index);
        const config = kind.files?.(healthy) ?? healthy;
        let result: ChangeResult | undefined;
        for (let attempt = 1; attempt <= (kind.attempts ?? 1); attempt += 1) {
          const steps = kind.steps?.(fleet.steps(), fleet) ?? fleet.steps();
          const started = performance.now();
          result = await fleet
            .change(config, { steps, previous: pointer, deaths: attempt - 1 })
            .finally(() => fleet.processes[2]?.resume());
          // Nobody waits for a file that never comes longer than a change may take.
          assert.ok(performance.now() - started < 60_000);
        }
        assert.ok(result);
        assert.equal(result.outcome, kind.outcome, JSON.stringify(result));
        assert.match(saidBy(result), kind.reason);
        if (result.outcome === 'proved') {
          assert.equal(result.proved.length, kind.proved);
          await restore(
            fleet,
            result.unproved.map(({ pod }) => pod.name),
          );
          return;
        }
        if (result.outcome === 'refused') assert.deepEqual(result.restored.length > 0 || result.lost.length > 0, true);
        assert.deepEqual(await limits(), before, 'every limit is what it was');
        assert.equal(await fleet.pointer(), pointer, 'a restart starts on the proved file');
      });
    }

    it('nothing of all that stands in the way of the next change', async () => {
      const result = await fleet.change(fleet.configOf(1_234));
      assert.equal(result.outcome, 'proved');
      assert.deepEqual(await fleet.settings('max_client_conn'), ['1234', '1234', '1234']);
    });
  });
}

/**
 * Who works has its server connections, two of them: one that is opened while a hand's broken userlist is in force cannot
 * log in. Not by min_pool_size, with which PgBouncer opens some at any time: one that is still logging in when a RELOAD
 * changes its connect string counts as a failed login, and clients who wait are turned away.
 */
async function connectServers(port: number): Promise<void> {
  const place = { host: '127.0.0.1', port, user: 'app', password: APP_PASSWORD, database: 'app' };
  const clients = [new Client(place), new Client(place)];
  await Promise.all(clients.map((client) => client.connect()));
  for (const statement of ['BEGIN', 'COMMIT']) await Promise.all(clients.map((client) => client.query(statement)));
  await Promise.all(clients.map((client) => client.end()));
}

function saidBy(result: ChangeResult): string {
  switch (result.outcome) {
    case 'refused':
    case 'retry':
      return result.reason;
    case 'proved':
      return result.unproved.map(({ pod, reason }) => `${pod.name}: ${reason}`).join('; ');
    default:
      return result.outcome;
  }
}

/** Brings those that were left out to what the others run, as the operator does when they answer again. */
async function restore(fleet: LocalFleet, names: readonly string[]): Promise<void> {
  const pods = fleet.pods.filter(({ name }) => names.includes(name));
  const steps = fleet.steps();
  for (const pod of pods) {
    const session = await steps.openSession(pod);
    await steps.handOut(pod, 'rest');
    await session.reload();
    await session.close();
  }
}
