/**
 * Every sample is a setup that somebody will copy: it validates, renders, stays inside its budgets while every pod is
 * replaced, and the arithmetic that its comment tells is the one that is rendered.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formatFault } from '../operator/api/fault.ts';
import { readDocuments } from '../operator/cli/documents.ts';
import { type OfflinePlan, planOffline } from '../operator/cli/offline-plan.ts';
import { peakConnections } from '../operator/plan/peak-connections.ts';
import { DEFAULT_IMAGE } from '../operator/settings.ts';

const root = join(import.meta.dirname, '..');
const samples = readdirSync(join(root, 'manifests/samples'));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

async function planned(sample: string): Promise<readonly OfflinePlan[]> {
  const { poolers, secrets } = await readDocuments(join(root, 'manifests/samples', sample));
  assert.ok(poolers.length > 0);
  return poolers.map((pooler) => {
    const result = planOffline(pooler, {
      namespace: 'default',
      defaultImage: DEFAULT_IMAGE,
      templateMode: 'restricted',
      secrets,
      showSecrets: false,
    });
    assert.ok(result.ok, result.ok ? '' : result.faults.map(formatFault).join('\n'));
    return result.plan;
  });
}

for (const sample of samples) {
  describe(`the sample ${sample}`, () => {
    it('renders, and stays inside every ceiling while its pods are replaced', async () => {
      for (const { pooler, version, config } of await planned(sample)) {
        const fleet = { spec: pooler.spec, version, config };
        for (const { during, budget, server, backend } of peakConnections(fleet, fleet, true)) {
          for (const ceiling of [budget, server])
            if (ceiling !== null)
              assert.ok(during !== null && during <= ceiling, `${backend}: ${during} of ${ceiling}`);
        }
      }
    });

    it('tells the arithmetic that is rendered', async () => {
      const plans = await planned(sample);
      // `app   25   floor(25/5) = 5   4 + 1   15`: what a pod may hold, pool and reserve, and the fleet at rest.
      const rows = [
        ...read(`manifests/samples/${sample}`).matchAll(/^# {3}(\S+) .*?(\d+) +(\d+) \+ (\d+)(?: +(\d+))?$/gm),
      ];
      const budgeted = plans.flatMap(({ config, pooler }) =>
        config.entries.databases.flatMap(({ name, settings }) => {
          const of = (key: string): number => Number(settings.find((setting) => setting.key === key)?.value);
          const rest = of('max_db_connections') * pooler.spec.replicas;
          return settings.some(({ source }) => source.includes(' pods = '))
            ? [{ name, cells: [of('max_db_connections'), of('pool_size'), of('reserve_pool_size')], rest }]
            : [];
        }),
      );
      for (const [, name, share, pool, reserve, rest] of rows) {
        const found = budgeted.find((database) => database.name === name);
        assert.deepEqual([share, pool, reserve].map(Number), found?.cells, name);
        if (rest !== undefined) assert.equal(Number(rest), found?.rest, name);
      }
      if (sample !== 'minimal.yaml' && plans.length === 1) assert.equal(rows.length, budgeted.length);
    });

    it('has a page that explains it, and names it', () => {
      if (sample === 'minimal.yaml') return;
      const page = /docs\/[-a-z/]+\.md/.exec(read(`manifests/samples/${sample}`))?.[0];
      assert.ok(page, 'the sample names its page');
      assert.ok(read(page).includes(`../manifests/samples/${sample}`), `${page} links to the sample`);
    });
  });
}
