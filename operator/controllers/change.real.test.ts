import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Session } from '../console/session.ts';
import { REAL_VERSIONS, type RealVersion } from '../console/testing/real-pgbouncer.ts';
import type { Row } from '../pgbouncer/rows.ts';
import { readDatabases } from '../pgbouncer/show.ts';
import type { Config } from '../plan/config.ts';
import type { ChangeSteps } from './change-acts.ts';
import { provePods } from './prove-pods.ts';
import { type LocalFleet, startLocalFleet, versionOf } from './testing/local-fleet.ts';

const FIRST = 900;

for (const version of REAL_VERSIONS) {
  describe(`a change on three real pgbouncers ${version}`, () => {
    let fleet: LocalFleet;
    before(async () => {
      fleet = await startLocalFleet(version, 3, FIRST);
    });
    after(() => fleet.stop());

    const limits = async (): Promise<readonly (string | null | undefined)[]> => fleet.settings('max_client_conn');

    test('is proved on all of them, and the pointer follows', async () => {
      const config = fleet.configOf(901);
      const result = await fleet.change(config);
      assert.equal(result.outcome, 'proved');
      assert.deepEqual(await limits(), ['901', '901', '901']);
      assert.equal(await fleet.pointer(), config.revision);
    });

    test('is tried on one first: what PgBouncer refuses never reaches the others, and the first is restored', async () => {
      const [before, pointer] = [await limits(), await fleet.pointer()];
      const handed: string[] = [];
      const reloads = fleet.processes.map((process) => count(process.log(), 'RELOAD command issued'));
      const result = await fleet.change(unknownSetting(fleet, 77, version));
      assert.equal(result.outcome, 'refused');
      assert.match(
        result.outcome === 'refused' ? result.reason : '',
        /^pod-2: unknown parameter: pgbouncer\/no_such_setting$/,
      );
      assert.deepEqual(await limits(), before);
      assert.equal(await fleet.pointer(), pointer);
      const more = fleet.processes.map(
        (process, index) => count(process.log(), 'RELOAD command issued') - (reloads[index] ?? 0),
      );
      assert.deepEqual([more[0], more[1]], [0, 0], handed.join());
    });

    test('of an entry that PgBouncer refuses leaves the old marker, and is refused by what the log says, soon', async () => {
      const config = fleet.configOf(78);
      const name = `${config.revision}.ini`;
      const broken = {
        ...config,
        files: { ...config.files, [name]: (config.files[name] ?? '').replace("port='1'", "port='1' nonsense='1'") },
      };
      const before = await limits();
      const handed: string[] = [];
      const steps = fleet.steps();
      const result = await fleet.change(broken, {
        steps: {
          ...steps,
          nudge: async (pod) => {
            handed.push(pod.name);
            await steps.nudge(pod);
          },
        },
      });
      assert.equal(result.outcome, 'refused');
      assert.match(
        result.outcome === 'refused' ? result.reason : '',
        /invalid value for parameter app in configuration/,
      );
      assert.deepEqual(await limits(), before);
      // One nudge a second: the deadline of ten was not waited out.
      assert.ok(handed.length < 6, `${handed.length} nudges`);
    });

    test('that only comes late is waited for, whatever was complained about before', async () => {
      const config = fleet.configOf(904);
      const steps = fleet.steps();
      let nudges = 0;
      const result = await fleet.change(config, {
        steps: {
          ...steps,
          // The kubelet brings the file with the second nudge; the log still holds the complaints of the change before.
          handOut: async (pod, revision) => {
            if (pod.name !== 'pod-2' || revision === 'rest') await steps.handOut(pod, revision);
          },
          nudge: async (pod) => {
            nudges += 1;
            if (nudges === 2) await steps.handOut(pod, config.revision);
          },
        },
      });
      assert.equal(result.outcome, 'proved');
      assert.deepEqual(await limits(), Array(3).fill('904'));
    });

    test('whose userlist PgBouncer cannot read is refused by the login, and the old logins work', async () => {
      const config = fleet.configOf(79);
      const name = `${config.revision}.userlist`;
      const broken = {
        ...config,
        files: { ...config.files, [name]: (config.files[name] ?? '').replace('"app"', 'app"') },
      };
      const result = await fleet.change(broken);
      assert.equal(result.outcome, 'refused');
      assert.notDeepEqual(await limits(), ['79', '79', '79']);
    });

    test('whose turn comes too late reloads nobody, and is tried again', async () => {
      const [before, config] = [await limits(), fleet.configOf(905)];
      const result = await fleet.change(config, { mayReload: async () => false });
      assert.deepEqual(result, { outcome: 'retry', reason: 'it waited for its turn', canaryDied: false });
      assert.deepEqual(await limits(), before);
      assert.equal((await fleet.change(config, { mayReload: async () => true })).outcome, 'proved');
      assert.deepEqual(await limits(), Array(3).fill('905'));
    });

    test('notes what its processes retain before the pointer moves, whatever happens then', async () => {
      const [before, steps, noted] = [await fleet.pointer(), fleet.steps(), [] as string[]];
      const [config, kept] = [fleet.configOf(906), 'user app (a password replaced its SCRAM verifier)'];
      const killed = fleet.change(config, {
        retained: () => [kept],
        noteRetained: async (proved) => {
          noted.push(...proved.flatMap(({ pod, retained }) => retained.map((item) => `${pod.name}: ${item}`)));
          assert.equal(await fleet.pointer(), before);
        },
        steps: { ...steps, movePointer: () => Promise.reject(new Error('killed')) },
      });
      await assert.rejects(killed, /killed/);
      assert.deepEqual(
        noted.sort(),
        fleet.pods.map(({ name }) => `${name}: ${kept}`),
      );
      assert.equal((await fleet.change(config)).outcome, 'proved');
    });

    test('goes on without a process that does not answer, which is named', async () => {
      fleet.processes[0]?.pause();
      try {
        const result = await fleet.change(fleet.configOf(902));
        assert.equal(result.outcome, 'proved');
        assert.deepEqual(result.outcome === 'proved' ? result.unproved.map(({ pod }) => pod.name) : [], ['pod-0']);
      } finally {
        fleet.processes[0]?.resume();
      }
      const config = fleet.configOf(902);
      const [late] = await provePods(fleet.steps(), config, versionOf(version), fleet.pods.slice(0, 1));
      assert.equal(late?.kind, 'proved');
    });

    test('is read in the sessions of its proof, where nobody has looked at it yet', async () => {
      const proved = await provePods(fleet.steps(), fleet.configOf(902), versionOf(version), fleet.pods, {
        wanted: {},
        held: {},
        provedBefore: true,
        look: true,
      });
      assert.deepEqual(
        proved.map((pod) => pod.kind === 'proved' && [pod.reading?.pod, pod.reading?.version]),
        fleet.pods.map(({ name }) => [name, version]),
      );
    });

    test('that another one overtakes before anybody took it leaves nothing to undo', async () => {
      const before = await limits();
      const steps = fleet.steps();
      const result = await fleet.change(fleet.configOf(903), {
        steps: {
          ...steps,
          handOut: async () => undefined,
          superseded: () => true,
        },
      });
      assert.deepEqual(result, { outcome: 'retry', reason: 'superseded', canaryDied: false });
      assert.deepEqual(await limits(), before);
    });

    test('killed between any two steps is finished by whoever comes next', async () => {
      let kills = 0;
      for (let step = 1; ; step += 1) {
        const config = fleet.configOf(1000 + step);
        const died = await fleet.change(config, { steps: killedAt(fleet.steps(), step) }).then(
          () => false,
          (error: unknown) => String(error).includes('killed'),
        );
        if (!died) break;
        kills += 1;
        await converge(fleet, config, version);
        assert.deepEqual(await limits(), Array(3).fill(String(1000 + step)), `killed at step ${step}`);
        assert.equal(await fleet.pointer(), config.revision);
      }
      // Candidate, three annotations, pointer, each before and after; sessions before.
      assert.ok(kills >= 8, `${kills} kills`);
    });

    test('that removes a database, killed between any two steps, is finished by whoever comes next', async () => {
      const databases = [{ name: 'app' }, { name: 'gone' }];
      let kills = 0;
      for (let step = 1; ; step += 1) {
        await converge(fleet, fleet.configOf(2000 + step, {}, version, undefined, { databases }), version);
        const config = fleet.configOf(3000 + step);
        const died = await fleet.change(config, { steps: killedAt(fleet.steps(), step) }).then(
          () => false,
          (error: unknown) => String(error).includes('killed'),
        );
        if (!died) break;
        kills += 1;
        await converge(fleet, config, version);
        for (const pod of fleet.pods) {
          const session = await fleet.steps().openSession(pod);
          const rows = readDatabases(await session.show('DATABASES'));
          await session.close();
          assert.deepEqual(
            rows.map(({ name, paused, disabled }) => [name, paused, disabled]),
            [['app', false, false]],
            `killed at step ${step}`,
          );
        }
      }
      // The note, the candidate, three annotations, the pointer, each before and after.
      assert.ok(kills >= 10, `${kills} kills`);
    });

    test('that removes a database ends and comes back while something is under way in it, until its time is up', async () => {
      const databases = [{ name: 'app' }, { name: 'gone' }];
      await converge(fleet, fleet.configOf(4000, {}, version, undefined, { databases }), version);
      const steps = fleet.steps();
      const noted: object[] = [];
      const busy: ChangeSteps = {
        ...steps,
        noteStates: async (states) => void noted.push(states),
        // A client in the middle of a transaction, as the console would show it.
        openSession: async (pod) => {
          const session = await steps.openSession(pod);
          const show: Session['show'] = async (what) =>
            what === 'POOLS' ? [poolRow('gone', pod.name === 'pod-1' ? '1' : '0')] : session.show(what);
          return { ...session, show };
        },
      };
      const config = fleet.configOf(4001);
      const result = await fleet.change(config, { steps: busy, drained: () => false });
      assert.deepEqual(result, {
        outcome: 'draining',
        busy: [{ database: 'gone', pod: 'pod-1', clients: 1, servers: 1 }],
      });
      assert.deepEqual(noted, [{ gone: 'Leaving' }]);
      assert.deepEqual(await limits(), Array(3).fill('4000'), 'nobody was reloaded');
      assert.equal((await fleet.change(config, { steps: busy, drained: () => true })).outcome, 'proved');
    });

    test('killed while a refused revision half-applies is rolled back by whoever comes next', async () => {
      const before = await limits();
      const bad = unknownSetting(fleet, 80, version);
      const steps = fleet.steps();
      let restores = 0;
      const dying: ChangeSteps = {
        ...steps,
        handOut: async (pod, revision) => {
          if (revision === 'rest' && ++restores > 0) throw new Error('killed');
          await steps.handOut(pod, revision);
        },
        explain: () => Promise.reject(new Error('killed')),
      };
      await assert.rejects(fleet.change(bad, { steps: dying }), /killed/);
      const result = await fleet.change(bad);
      assert.equal(result.outcome, 'refused');
      assert.deepEqual(await limits(), before);
    });
  });
}

/** A configuration with a key that this binary does not know, as a binary older than stated would see it. */
describe('a change on a real pgbouncer 1.26.1', () => {
  test('to a directory that it cannot ask is refused by what its log says, and nobody is locked out', async () => {
    const fleet = await startLocalFleet('1.26.1', 1, FIRST);
    try {
      const [limits, pointer] = [await fleet.settings('max_client_conn'), await fleet.pointer()];
      const result = await fleet.change(withUnknownDirectory(fleet, 80));
      assert.equal(result.outcome, 'refused');
      assert.match(result.outcome === 'refused' ? result.reason : '', /hba line \d+: unsupported method/);
      assert.deepEqual(await fleet.settings('max_client_conn'), limits);
      assert.equal(await fleet.pointer(), pointer);
    } finally {
      await fleet.stop();
    }
  });
});

function unknownSetting(fleet: LocalFleet, clients: number, version: RealVersion): Config {
  const config = fleet.configOf(clients);
  assert.ok(version);
  const name = `${config.revision}.ini`;
  return {
    ...config,
    files: {
      ...config.files,
      [name]: (config.files[name] ?? '').replace('log_stats = 0', 'no_such_setting = 1\nlog_stats = 0'),
    },
  };
}

/** As a build without LDAP takes it: a method that it does not know, in a file that is otherwise sound. */
function withUnknownDirectory(fleet: LocalFleet, clients: number): Config {
  const config = fleet.configOf(clients);
  const option = ['auth_ldap_options', 'ldapserver="x"'] as const;
  const edit = (name: string, change: (text: string) => string): Readonly<Record<string, string>> => ({
    [`${config.revision}.${name}`]: change(config.files[`${config.revision}.${name}`] ?? ''),
  });
  return {
    ...config,
    ini: { ...config.ini, pgbouncer: [option, ...config.ini.pgbouncer] },
    files: {
      ...config.files,
      ...edit('ini', (text) => text.replace('log_stats = 0', `${option.join(' = ')}\nlog_stats = 0`)),
      ...edit('hba', (text) => text.replace(/^(host all \S+ 0\.0\.0\.0\/0) scram-sha-256$/m, '$1 nodap')),
    },
  };
}

/** What the controller does after a restart: change while the pointer is elsewhere, else prove. */
async function converge(fleet: LocalFleet, config: Config, version: RealVersion): Promise<void> {
  if ((await fleet.pointer()) !== config.revision) {
    const result = await fleet.change(config);
    assert.equal(result.outcome, 'proved');
    return;
  }
  const attempts = await provePods(fleet.steps(), config, versionOf(version), fleet.pods);
  assert.deepEqual(
    attempts.map(({ kind }) => kind),
    ['proved', 'proved', 'proved'],
  );
}

/** Steps of a process that dies at its n-th act on the cluster: odd ones before it is done, even ones right after. */
function killedAt(steps: ChangeSteps, n: number): ChangeSteps {
  let acts = 0;
  const mortal =
    <Args extends readonly unknown[], Result>(act: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      acts += 1;
      if (acts > (n + 1) / 2) throw new Error('killed');
      if (acts === (n + 1) / 2) throw new Error('killed');
      const result = await act(...args);
      if (acts === n / 2) throw new Error('killed');
      return result;
    };
  return {
    ...steps,
    noteStates: mortal(steps.noteStates),
    writeCandidate: mortal(steps.writeCandidate),
    handOut: mortal(steps.handOut),
    movePointer: mortal(steps.movePointer),
  };
}

/** A pool with one client, and so many server connections in use. */
const poolRow = (database: string, active: string): Row => ({
  ...Object.fromEntries(
    [
      ...['cl_waiting', 'cl_active_cancel_req', 'cl_waiting_cancel_req', 'sv_active_cancel', 'sv_being_canceled'],
      ...['sv_idle', 'sv_used', 'sv_tested', 'sv_login', 'maxwait', 'maxwait_us'],
    ].map((column) => [column, '0']),
  ),
  database,
  user: 'app',
  cl_active: '1',
  sv_active: active,
  pool_mode: 'transaction',
});

const count = (text: string, part: string): number => text.split(part).length - 1;
