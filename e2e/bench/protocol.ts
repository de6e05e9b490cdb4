/**
 * The change protocol on real processes, without a cluster and so without a kubelet: change → proved, and failed change →
 * restored, with transactions running through every replica. Runs anywhere where PgBouncer and PostgreSQL do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { REAL_VERSIONS, type RealVersion } from '../../operator/console/testing/real-pgbouncer.ts';
import { type RealPostgres, startPostgres } from '../../operator/console/testing/real-postgres.ts';
import { applyChange, type ChangeResult } from '../../operator/controllers/change.ts';
import type { ChangeSteps } from '../../operator/controllers/change-acts.ts';
import {
  APP_PASSWORD,
  type LocalFleet,
  startLocalFleet,
  versionOf,
} from '../../operator/controllers/testing/local-fleet.ts';
import { startLoad } from '../../operator/controllers/testing/pgbench.ts';
import type { Config } from '../../operator/plan/config.ts';
import { summarise } from '../demo/latency.ts';
import { table } from '../demo/output.ts';

const ROUNDS = 50;
const SIZES = [1, 3, 10];
const CLIENTS = 2;
/** Transactions a second through each replica. */
const RATE = 20;
const PAUSE_MS = 50;

export async function benchProtocol({ rounds = ROUNDS }: { readonly rounds?: number | undefined }): Promise<object> {
  const postgres = await startPostgres();
  const results: object[] = [];
  try {
    await postgres.sql(`CREATE ROLE app LOGIN PASSWORD '${APP_PASSWORD}'`);
    await postgres.sql('CREATE DATABASE app OWNER app');
    await postgres.pgbenchTables('app', 'app');
    for (const version of REAL_VERSIONS)
      for (const size of SIZES) results.push(await measure(postgres, version, size, rounds));
  } finally {
    await postgres.stop();
  }
  return { bench: 'protocol', rounds, results };
}

async function measure(postgres: RealPostgres, version: RealVersion, size: number, rounds: number): Promise<object> {
  const fleet = await startLocalFleet(version, size, 1_000, {
    backends: [{ name: 'primary', host: postgres.host, port: postgres.port }],
  });
  try {
    const loads = await Promise.all(
      fleet.processes.map(({ port }) =>
        startLoad({
          host: '127.0.0.1',
          port,
          user: 'app',
          password: APP_PASSWORD,
          database: 'app',
          clients: CLIENTS,
          rate: RATE,
        }),
      ),
    );
    await sleep(1_000);
    const proved: number[] = [];
    const canary: number[] = [];
    const follower: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      proved.push(await timed(fleet, version, fleet.configOf(1_000 + round), 'proved'));
      canary.push(await timed(fleet, version, broken(fleet.configOf(5_000 + round)), 'refused'));
      if (size > 1)
        follower.push(await timed(fleet, version, fleet.configOf(9_000 + round), 'refused', refusedByTheLast(fleet)));
      await sleep(PAUSE_MS);
    }
    await sleep(1_000);
    const ends = await Promise.all(loads.map((load) => load.stop()));
    const lost = ends.flatMap(({ complaints }) => complaints).length;
    const transactions = ends.reduce((sum, end) => sum + end.transactions, 0);
    const row = (what: string, times: readonly number[]): readonly (string | number)[] => {
      const { p50, p95, max } = summarise(times);
      return [what, times.length, `${p50} ms`, `${p95} ms`, `${max} ms`];
    };
    table([
      [`PgBouncer ${version}, ${size} replicas`, 'rounds', 'median', 'p95', 'worst'],
      row('change → proved on all', proved),
      row('refused by the first → restored', canary),
      ...(follower.length === 0 ? [] : [row('refused by the last → restored on all', follower)]),
      ['transactions meanwhile, lost', transactions, lost, '', ''],
    ]);
    return {
      version,
      size,
      proved: summarise(proved),
      refusedByFirst: summarise(canary),
      ...(follower.length === 0 ? {} : { refusedByLast: summarise(follower) }),
      transactions,
      lost,
    };
  } finally {
    await fleet.stop();
  }
}

/** Milliseconds until all replicas run what they shall, seen on their consoles. */
async function timed(
  fleet: LocalFleet,
  version: RealVersion,
  config: Config,
  outcome: ChangeResult['outcome'],
  steps: ChangeSteps = fleet.steps(),
): Promise<number> {
  const previous = await fleet.pointer();
  const started = performance.now();
  const result = await applyChange(steps, {
    config,
    version: versionOf(version),
    previous,
    pods: fleet.pods,
    deaths: 0,
  });
  const milliseconds = Math.round(performance.now() - started);
  const markers = await fleet.settings('syslog_ident');
  const expected = outcome === 'proved' ? config.revision : previous;
  if (result.outcome !== outcome || markers.some((marker) => marker !== expected))
    throw new Error(`${result.outcome} instead of ${outcome}: ${JSON.stringify(result)}; ${markers.join()}`);
  return milliseconds;
}

const spoil = (ini: string): string => ini.replace('log_stats = 0', 'no_such_setting = 1\nlog_stats = 0');

/** What every process refuses in the middle of its file. */
function broken(config: Config): Config {
  const name = `${config.revision}.ini`;
  return { ...config, files: { ...config.files, [name]: spoil(config.files[name] ?? '') } };
}

/** One replica is handed a file that it refuses when all others have taken theirs: they all go back. */
function refusedByTheLast(fleet: LocalFleet): ChangeSteps {
  const steps = fleet.steps();
  return {
    ...steps,
    writeCandidate: async (config) => {
      await steps.writeCandidate(config);
      const name = `${config.revision}.ini`;
      const files = { [`${config.revision}-spoilt.ini`]: spoil(config.files[name] ?? '') };
      await steps.writeCandidate({ ...config, files });
    },
    handOut: (pod, revision) =>
      steps.handOut(pod, pod.name === 'pod-0' && revision !== 'rest' ? `${revision}-spoilt` : revision),
  };
}
