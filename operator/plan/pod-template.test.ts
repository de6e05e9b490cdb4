import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolerSpec } from '../api/types.ts';
import { planPodTemplate, type TemplateInput } from './pod-template.ts';

const SPEC: PoolerSpec = {
  replicas: 2,
  suspend: false,
  profile: 'balanced',
  backends: [{ name: 'primary', host: 'pg', port: 5432 }],
};
const INPUT: TemplateInput = {
  name: 'app',
  spec: SPEC,
  image: 'pgbouncer:1.26.1',
  version: '1.26.1',
  restartOnly: { listen_port: '6432' },
  credentials: 'first',
};
const revisionOf = (changes: Partial<TemplateInput> = {}): string => planPodTemplate({ ...INPUT, ...changes }).revision;

const OTHER: readonly { readonly what: string; readonly changes: Partial<TemplateInput> }[] = [
  { what: 'image', changes: { image: 'pgbouncer:1.26.0' } },
  { what: 'version in an image of the same name', changes: { version: '1.26.0' } },
  { what: 'value of a key that only a restart applies', changes: { restartOnly: { listen_port: '6433' } } },
  { what: "login of the operator's", changes: { credentials: 'second' } },
  { what: 'template of the user', changes: { spec: { ...SPEC, template: { metadata: { labels: { a: 'b' } } } } } },
  { what: 'pooler', changes: { name: 'other' } },
];
for (const { what, changes } of OTHER) {
  test(`another ${what} is another template, with files of its own`, () => {
    assert.notEqual(revisionOf(changes), revisionOf());
  });
}

test('what a reload can apply leaves the template as it is', () => {
  const spec: PoolerSpec = { ...SPEC, replicas: 5, maxClientConnections: 9, parameters: { query_timeout: 1 } };
  assert.deepEqual(planPodTemplate({ ...INPUT, spec }), planPodTemplate(INPUT));
});

test('the order of keys is of no account', () => {
  assert.equal(
    revisionOf({ restartOnly: { pkt_buf: '4096', listen_port: '6432' } }),
    revisionOf({ restartOnly: { listen_port: '6432', pkt_buf: '4096' } }),
  );
});

test('pods carry the revision, and mount the Secret that is named after it', () => {
  const { revision, template } = planPodTemplate(INPUT);
  assert.equal(template.metadata.labels['poolkeeper.dev/template-revision'], revision);
  assert.ok(JSON.stringify(template.spec.volumes).includes(`"app-config-${revision}"`));
});

test('volumes of the user stand beside those of the operator', () => {
  const spec: PoolerSpec = { ...SPEC, template: { spec: { volumes: [{ name: 'mine', emptyDir: {} }] } } };
  const { template } = planPodTemplate({ ...INPUT, spec });
  assert.deepEqual(
    (template.spec.volumes ?? []).map((volume) => typeof volume === 'object' && volume && Reflect.get(volume, 'name')),
    ['config', 'run', 'mine'],
  );
});

test('no password stands in a pod template, only that they changed', () => {
  assert.ok(!JSON.stringify(planPodTemplate({ ...INPUT, credentials: 'planted' })).includes('planted'));
});
