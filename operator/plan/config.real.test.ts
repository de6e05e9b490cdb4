import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sensibleSpec, validSpec } from '../api/testing/arbitrary-spec.ts';
import { REAL_VERSIONS, versionOf } from '../console/testing/real-pgbouncer.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import type { Config } from './config.ts';
import { goldenSamples, planSample } from './testing/golden.ts';
import { objectionsTo } from './testing/real-files.ts';
import { withoutFaults } from './testing/without-faults.ts';

const RANDOM_SPECS = 200;
const samples = await goldenSamples();

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`pgbouncer ${real}`, () => {
    it('reads the files of any sound spec to their end, and has nothing to say against them', async () => {
      // Told when it fails, so that it can be repeated.
      const seed = Number(process.env['FC_SEED'] ?? Date.now() & 0x7fffffff);
      const specs = fc.sample(fc.oneof({ weight: 3, arbitrary: sensibleSpec(version) }, validSpec), {
        numRuns: RANDOM_SPECS,
        seed,
      });
      const configs = specs.flatMap((spec) => withoutFaults(spec, version).plan.config ?? []);
      assert.equal(configs.length, RANDOM_SPECS);
      await assertContent(configs, (index) => `FC_SEED=${seed}: ${JSON.stringify(specs[index])}`);
    });

    it('reads the files of every sample that is meant for it', async () => {
      const fitting = samples
        .map((sample) => ({ sample, plan: planSample(sample) }))
        .filter(({ plan }) => formatVersion(plan.version) === real);
      await assertContent(
        fitting.map(({ plan }) => plan.config),
        (index) => fitting[index]?.sample.name ?? '',
      );
      // The rest say nothing of a version: they serve on all.
      const open = samples.filter(({ documents }) => !JSON.stringify(documents.poolers).includes('1.'));
      const image = `pgbouncer:${real}`;
      const plans = open.map((sample) => planSample(sample, { defaultImage: image }));
      await assertContent(
        plans.map(({ config }) => config),
        (index) => open[index]?.name ?? '',
      );
    });

    async function assertContent(configs: readonly Config[], tell: (index: number) => string): Promise<void> {
      const objections = await objectionsTo(real, configs);
      assert.equal(objections.length, configs.length);
      for (const [index, said] of objections.entries()) {
        if (said !== undefined) assert.fail(`${tell(index)}\n${said}\n${JSON.stringify(configs[index]?.files)}`);
      }
    }
  });
}
