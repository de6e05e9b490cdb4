/** The API server is away for minutes under a fleet of real PgBouncers: see e2e/chaos/outage.ts. Needs no cluster. */
import { runIsolated } from '../chaos/isolated.ts';
import type { Calls, OutageReport } from '../chaos/outage.ts';
import { note, table } from '../demo/output.ts';

export interface OutageOptions {
  readonly minutes: number;
  /** Default 20, each of two replicas. */
  readonly poolers: number | undefined;
  /** See e2e/chaos/away.ts; default `killed`. */
  readonly how: string | undefined;
}

export async function benchOutage({ minutes, poolers = 20, how = 'killed' }: OutageOptions): Promise<object> {
  const args = ['--poolers', String(poolers), '--seconds', String(minutes * 60), '--how', how];
  const report = await runIsolated<OutageReport>(new URL('../chaos/outage-main.ts', import.meta.url), args, note);
  const calls = ({ lists, watches, gets, leases, writes }: Calls): readonly number[] => [
    lists,
    watches,
    gets,
    leases,
    writes.length,
  ];
  table([
    ['API calls of both operators', 'lists', 'watches', 'gets', 'lease', 'writes'],
    ['fresh start, until all is quiet', ...calls(report.freshStart)],
    ['return, first 10 s', ...calls(report.onReturn)],
    ['return, until all is quiet', ...calls(report.untilQuiet)],
  ]);
  console.log();
  table([
    [`API server ${report.how} for ${report.seconds} s`, `${report.poolers} poolers, ${report.pods} pods`],
    ['queries meanwhile, failed in all', `${report.clients.askedMeanwhile}, ${report.clients.failures.length}`],
    ['RELOADs', report.reloads],
    ['pods replaced', report.podsReplaced],
    ['objects rewritten', report.objectsChanged.length],
    ['conditions changed', report.statusChanged.length],
    ['writes without the lease', report.intrusions],
    ['from the return until a process led', `${(report.leaderAfterMs / 1000).toFixed(1)} s`],
    ['until the caches of both were up to date', `${(report.caughtUpAfterMs / 1000).toFixed(1)} s`],
    ['a change of all poolers afterwards, until proved', `${(report.changeAfterwardsMs / 1000).toFixed(1)} s`],
  ]);
  for (const { identity, restarts, ended, during, after } of report.operators) {
    const last = during.at(-1);
    note(
      `${identity}: ${restarts} restarts (${ended.join(', ') || 'none'}); at the end of the outage /healthz ${last?.healthz}, /readyz ${last?.readyz}, leads ${last?.leads}, caches ${last?.staleSeconds.toFixed(0)} s old; afterwards /readyz ${after.readyz}, leads ${after.leads}`,
    );
  }
  for (const what of [...report.objectsChanged, ...report.statusChanged, ...report.untilQuiet.writes]) note(what);
  const operators = report.operators.map(({ during, ...operator }) => ({ ...operator, atTheEnd: during.at(-1) }));
  return { bench: 'outage', ...report, operators };
}
