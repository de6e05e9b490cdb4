import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { runIsolated } from './isolated.ts';
import type { Calls, OutageReport } from './outage.ts';

const SECONDS = 18;
/** Shorter than by default, so that less of the outage is waiting for its end. */
const LEASE_SECONDS = 7;
/** What a process that was restarted when it had lost the lease, after 5 to 6 s, has waited at least. */
const LONG_SINCE_LOST = 8;

let report: OutageReport;
before(async () => {
  const args = ['--poolers', '4', '--seconds', String(SECONDS), '--lease', String(LEASE_SECONDS), '--observe', '2'];
  report = await runIsolated<OutageReport>(new URL('./outage-main.ts', import.meta.url), args, (line) =>
    console.log(line),
  );
});

const all = ({ lists, watches, gets, writes }: Calls): number => lists + watches + gets + writes.length;

describe(`an API server that is away for ${SECONDS} s under four poolers with clients`, () => {
  it('is not noticed by the clients', () => {
    assert.ok(report.clients.askedMeanwhile > 0);
    assert.deepEqual(report.clients.failures, []);
  });

  it('reloads no PgBouncer, replaces no pod and rewrites no object', () => {
    assert.deepEqual(
      { reloads: report.reloads, replaced: report.podsReplaced, objects: report.objectsChanged },
      { reloads: 0, replaced: 0, objects: [] },
    );
  });

  it('changes no condition: what was true before is true after, and nobody could look in between', () => {
    assert.deepEqual(report.statusChanged, []);
  });

  it('brings no storm when it is back: nothing is written, and no more calls than two fresh processes make twice', () => {
    // Pool numbers in status are news.
    assert.deepEqual(
      report.untilQuiet.writes.filter((write) => !write.startsWith('patch connectionpoolers/status')),
      [],
    );
    // A server that begins refuses some of them, which are asked again.
    assert.ok(
      all(report.untilQuiet) <= all(report.freshStart) * 2,
      `${JSON.stringify(report.untilQuiet)}, fresh: ${JSON.stringify(report.freshStart)}`,
    );
  });

  it('ends the leader once, leaves the standby alone, and is written to by nobody without the lease', () => {
    assert.deepEqual(report.operators.map(({ ended }) => ended).sort(), [[], [1]]);
    assert.equal(report.intrusions, 0);
    assert.equal(report.operators.filter(({ after }) => after.leads).length, 1);
  });

  it('shows in the probes and metrics of both operators', () => {
    for (const { during, after } of report.operators) {
      const late = during.slice(-Math.floor(during.length / 3));
      assert.ok(
        late.every(({ healthz, leads }) => healthz === 200 && !leads),
        JSON.stringify(late),
      );
      assert.ok((late.at(-1)?.staleSeconds ?? 0) > LONG_SINCE_LOST, JSON.stringify(late.at(-1)));
      assert.equal(after.readyz, 200);
    }
    // Who was started meanwhile knows nothing, and says so; who knew the cluster before still does.
    assert.deepEqual(report.operators.map(({ during }) => during.at(-1)?.readyz).sort(), [200, 503]);
  });

  it('leaves everything able to change', () => {
    assert.ok(report.reloadsForChange >= report.pods, `${report.reloadsForChange} RELOADs of ${report.pods} pods`);
  });
});
