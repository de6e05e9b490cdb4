import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { runIsolated } from '../../chaos/isolated.ts';
import type { QuickReport } from './quick.ts';

let report: QuickReport;
before(async () => {
  report = await runIsolated<QuickReport>(new URL('./quick.ts', import.meta.url), [], (line) => console.log(line));
});

/** The most that a row of docs/performance.md says for any number of poolers: `| title | 10 / 3 / 6 | 11 / 3 / 9 |`. */
async function promised(title: string): Promise<readonly number[]> {
  const text = await readFile(new URL('../../../docs/performance.md', import.meta.url), 'utf8');
  const row = text.split('\n').find((line) => line.startsWith(`| ${title}`));
  const cells =
    row
      ?.split('|')
      .slice(2, -1)
      .map((cell) => cell.split('/').map(Number)) ?? [];
  const most = (cells[0] ?? []).map((_, index) => Math.max(...cells.map((cell) => cell[index] ?? Number.NaN)));
  assert.ok(most.length > 0 && most.every(Number.isFinite), `the row "${title}" is not as it was`);
  return most;
}

/** Of progress: a slow machine makes it in more steps, each told at most once a second. */
const STATUS_WRITES_MORE = 3;

describe('fifty poolers, by what the API server saw', () => {
  it('take as many calls each as fifteen did', () => {
    const [few, more] = report.creations;
    assert.ok(few !== undefined && more !== undefined);
    const calls = ({ writesEach, readsEach }: typeof few): number => writesEach + readsEach;
    assert.ok(calls(more) <= calls(few) + STATUS_WRITES_MORE, JSON.stringify(report.creations));
  });

  it('take no more writes for a creation, for replicas and for a setting than the documentation says', async () => {
    const [create = 0, scale = 0, setting = 0] = await promised('writes for a create / scale / setting');
    const found = report.writesFor;
    assert.ok(found.create > 0 && found.create <= create + STATUS_WRITES_MORE, `create: ${found.create}`);
    assert.ok(found.scale > 0 && found.scale <= scale + STATUS_WRITES_MORE, `scale: ${found.scale}`);
    assert.ok(found.setting > 0 && found.setting <= setting + STATUS_WRITES_MORE, `setting: ${found.setting}`);
  });

  it('have their Services again when ten are deleted at once', () => {
    assert.equal(report.servicesBack, 10);
  });

  it('are not written to after edits of their Secret that change no password', () => {
    assert.equal(report.sharedSecret.writesAfterMetadata, 0);
  });

  it('are changed by a new password only where it is theirs', () => {
    assert.ok(report.sharedSecret.sharedBy > 1);
    assert.deepEqual(report.sharedSecret.written, report.sharedSecret.expected);
  });

  it('ask for nothing at rest, longer than anything is put off for', () => {
    assert.ok(report.quietSeconds > 15);
  });

  it('are read in pages by an operator that was restarted, which writes nothing', () => {
    assert.deepEqual(report.restart.writes, {});
    assert.ok(report.restart.reads < 50, `${report.restart.reads} reads`);
  });
});
