import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sensibleSpec, validSpec } from '../api/testing/arbitrary-spec.ts';
import { validatePooler } from '../api/validate.ts';
import type { SecretDocument } from '../cli/documents.ts';
import { REAL_VERSIONS, versionOf } from '../console/testing/real-pgbouncer.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import { fc, SEED } from '../testing/properties.ts';
import type { Config } from './config.ts';
import { goldenSamples, planSample } from './testing/golden.ts';
import { issue, issueAuthority } from './testing/issue.ts';
import { objectionsTo } from './testing/real-files.ts';
import { withoutFaults } from './testing/without-faults.ts';
import { tlsReferences } from './tls-references.ts';

const RANDOM_SPECS = 60;
const samples = await goldenSamples();
const AUTHORITY = issueAuthority('test');
const LEAF = issue({ commonName: 'app', issuer: AUTHORITY });

/** PgBouncer looks into certificates, so that it gets real ones wherever a sample refers to some that it does not bring. */
function withCertificates({ documents }: (typeof samples)[number]): readonly SecretDocument[] {
  const validated = validatePooler(documents.poolers[0], 'refuse');
  if (!validated.ok) return documents.secrets;
  const { spec, metadata } = validated.pooler;
  const referred = Map.groupBy(tlsReferences(spec, metadata.name), ({ ref }) => ref.name);
  const issued = [...referred].map(([name, references]) => ({
    name,
    namespace: undefined,
    values: Object.fromEntries(references.map(({ ref: { key } }) => [key, pemOf(key)])),
  }));
  return [...documents.secrets, ...issued];
}

const pemOf = (key: string): string =>
  key === 'tls.key' ? LEAF.key : key === 'tls.crt' ? LEAF.certificate : AUTHORITY.certificate;

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`pgbouncer ${real}`, () => {
    it('reads the files of any sound spec to their end, and has nothing to say against them', async () => {
      const specs = fc.sample(fc.oneof({ weight: 3, arbitrary: sensibleSpec(version) }, validSpec), {
        numRuns: RANDOM_SPECS,
      });
      const configs = specs.flatMap((spec) => withoutFaults(spec, version).plan.config ?? []);
      assert.equal(configs.length, RANDOM_SPECS);
      await assertContent(configs, (index) => `FC_SEED=${SEED}: ${JSON.stringify(specs[index])}`);
    });

    it('reads the files of every sample that its version can serve', async () => {
      const plans = samples.flatMap((sample) => {
        const planned = planSample(sample, { defaultImage: `pgbouncer:${real}`, secrets: withCertificates(sample) });
        return planned.ok && formatVersion(planned.plan.version) === real ? [{ sample, ...planned.plan }] : [];
      });
      assert.ok(plans.length >= 6, `only ${plans.length} samples`);
      await assertContent(
        plans.map(({ config }) => config),
        (index) => plans[index]?.sample.name ?? '',
      );
    });

    it('reads the files of the largest spec', async () => {
      const passwordSecretRef = { name: 's', key: 'k' };
      const names = (count: number, fill: string): readonly string[] =>
        Array.from({ length: count }, (_, index) => `n${index}`.padEnd(63, fill));
      const databases = names(128, 'd').map((name, index) => ({
        name,
        connectQuery: `SELECT ${"'".repeat(200)}`,
        serverUser: { name: `${index}`.padEnd(63, '"'), passwordSecretRef },
      }));
      const users = names(512, 'u').map((name, index) => ({
        name,
        poolMode: 'session',
        passwordSecretRef: { name: 's', key: index === 0 ? 'long' : 'k' },
      }));
      // Both revisions of it fill a Secret nearly.
      const password = ({ key }: { readonly key: string }) => 'x'.repeat(key === 'long' ? 2047 : 300);
      const { plan } = withoutFaults({ backends: [{ host: 'pg' }], databases, users }, version, { password });
      assert.ok(plan.config);
      const bytes = Object.values(plan.config.files).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
      assert.ok(bytes > 400_000, `${bytes} bytes`);
      assert.deepEqual(await objectionsTo(real, [plan.config]), [undefined]);
    });

    it('would object to any of the three files when it were broken', async () => {
      const config = withoutFaults({ backends: [{ host: 'pg' }] }, version).plan.config;
      assert.ok(config);
      const broken = Object.entries({ ini: 'stray = 1', userlist: 'stray', hba: 'stray' }).map(([file, line]) => {
        const name = `${config.revision}.${file}`;
        return { ...config, files: { ...config.files, [name]: `${config.files[name]}${line}\n` } };
      });
      const objections = await objectionsTo(real, [config, ...broken]);
      assert.equal(objections[0], undefined);
      for (const said of objections.slice(1)) assert.match(said ?? '', /ERROR|WARNING/);
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
