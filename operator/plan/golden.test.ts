import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { renderYaml } from '../cli/render.ts';
import { BUILDER_VERSION, planPodTemplate } from './pod-template.ts';
import { assertGolden, goldenSamples, planSample, readGolden, updateGolden } from './testing/golden.ts';

const EVERYTHING: ReadonlySet<string> = new Set(['minimal', 'every-field', 'tls-issued']);

for (const sample of await goldenSamples()) {
  const all = EVERYTHING.has(sample.name);
  test(`${all ? 'every object' : 'the configuration'} of the sample ${sample.name} is as it was`, async () => {
    const planned = planSample(sample);
    assert.ok(planned.ok, planned.ok ? '' : planned.faults.map(formatFault).join('\n'));
    // What the samples differ in; the rest would make one change of the pod template a change of every file here.
    const rendered = renderYaml(planned.plan).replaceAll(planned.plan.template.revision, '<template>');
    const secret = rendered.split('---\n').find((object) => object.includes('poolkeeper.dev/role: config'));
    const shown = all ? rendered : (secret ?? '');
    await updateGolden(`${sample.name}.golden`, shown);
    await assertGolden(`${sample.name}.golden`, shown);
  });
}

const PINNED = 'pod-template.golden';

test('a pod template that changes has a new BUILDER_VERSION, or an upgrade of the operator would restart every pooler', async () => {
  const { template } = planPodTemplate({
    name: 'app',
    spec: { replicas: 2, suspend: false, profile: 'balanced', backends: [{ name: 'primary', host: 'pg', port: 5432 }] },
    image: 'registry.example.com/pgbouncer:1.26.1',
    version: '1.26.1',
    restartOnly: {},
    credentials: '',
  });
  // The hash of everything, the number of the builder included, would make every difference look like a large one.
  const text = JSON.stringify(template, undefined, 2).replaceAll(/"(\S*config-)?[0-9a-f]{8}"/g, '"$1<revision>"');
  const pinned = `builder ${BUILDER_VERSION}\n${text}\n`;
  // Not even on request: the same number with another template is the mistake.
  if (!(await readGolden(PINNED)).startsWith(`builder ${BUILDER_VERSION}\n`)) await updateGolden(PINNED, pinned);
  await assertGolden(
    PINNED,
    pinned,
    `raise BUILDER_VERSION in operator/plan/pod-template.ts, then run again with UPDATE_GOLDEN=1 (when no release has this builder yet, remove operator/plan/testdata/${PINNED} instead)`,
  );
});
