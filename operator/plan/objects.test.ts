import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionPooler } from '../api/types.ts';
import { adminSecret, configSecret, deployment, disruptionBudget, service, serviceAccount } from './objects.ts';
import { planPodTemplate } from './pod-template.ts';
import { DRAIN_SECONDS } from './start-script.ts';

const POOLER: ConnectionPooler = {
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name: 'app', namespace: 'shop', uid: 'uid-1' },
  spec: {
    replicas: 3,
    suspend: false,
    profile: 'balanced',
    backends: [{ name: 'primary', host: 'pg', port: 5432 }],
  },
};
const { template, revision } = planPodTemplate({
  name: 'app',
  spec: POOLER.spec,
  image: 'p:1.26.1',
  version: '1.26.1',
  restartOnly: {},
  credentials: '',
});
const input = { replicas: 3, paused: false, version: '1.26.1', template };
const config = { template: revision, pointer: 'rev2', files: { 'rev1.ini': 'one', 'rev2.ini': 'two' } };

const ALL = [
  deployment(POOLER, input),
  service(POOLER),
  disruptionBudget(POOLER),
  serviceAccount(POOLER),
  adminSecret(POOLER, { password: 'x' }),
  configSecret(POOLER, config),
];

test('every object is owned, labelled, and in the namespace of its pooler', () => {
  for (const { kind, metadata } of ALL) {
    assert.equal(metadata.namespace, 'shop', kind);
    assert.equal(metadata.labels['app.kubernetes.io/instance'], 'app', kind);
    assert.equal(metadata.labels['app.kubernetes.io/managed-by'], 'poolkeeper', kind);
    assert.deepEqual(metadata.ownerReferences, [
      {
        apiVersion: 'poolkeeper.dev/v1alpha1',
        kind: 'ConnectionPooler',
        name: 'app',
        uid: 'uid-1',
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
  }
});

test('no two of them are the same object', () => {
  assert.equal(new Set(ALL.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).size, ALL.length);
});

test('Deployment, Service and disruption budget mean the same pods, and the pods carry those labels', () => {
  const { spec } = JSON.parse(JSON.stringify(deployment(POOLER, input)));
  const selector = spec.selector.matchLabels;
  assert.deepEqual(JSON.parse(JSON.stringify(service(POOLER))).spec.selector, selector);
  assert.deepEqual(JSON.parse(JSON.stringify(disruptionBudget(POOLER))).spec.selector.matchLabels, selector);
  for (const [label, value] of Object.entries(selector)) assert.equal(template.metadata.labels[label], value);
});

test('a new pod must have been ready for longer than the one before it drains, so that only one drains', () => {
  const { spec } = JSON.parse(JSON.stringify(deployment(POOLER, input)));
  assert.ok(spec.minReadySeconds > DRAIN_SECONDS);
  assert.deepEqual(spec.strategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
});

test('the configuration Secret holds every revision that is kept, and the pointer to one', () => {
  const secret = configSecret(POOLER, { ...config, proved: { revision: 'rev1', time: '2026-01-01T00:00:00Z' } });
  const data = JSON.parse(JSON.stringify(secret)).data;
  const text = Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, Buffer.from(String(value), 'base64').toString()]),
  );
  assert.deepEqual(text, {
    'rev1.ini': 'one',
    'rev2.ini': 'two',
    'proved.ini': '%include /etc/pgbouncer/rev2.ini',
  });
  assert.deepEqual(secret.metadata.annotations, {
    'poolkeeper.dev/revision': 'rev2',
    'poolkeeper.dev/proved-revision': 'rev1',
    'poolkeeper.dev/proved-time': '2026-01-01T00:00:00Z',
  });
  assert.equal(secret.metadata.name, `app-config-${revision}`);
  assert.equal(secret.metadata.labels['poolkeeper.dev/template-revision'], revision);
});

test('before the first proof no revision is called proved', () => {
  assert.deepEqual(configSecret(POOLER, config).metadata.annotations, { 'poolkeeper.dev/revision': 'rev2' });
});

test('the Service is as the spec wants it', () => {
  const wanted = {
    type: 'LoadBalancer',
    port: 5432,
    annotations: { a: 'b' },
    trafficDistribution: 'PreferSameZone',
  } as const;
  const { metadata, spec } = JSON.parse(
    JSON.stringify(service({ ...POOLER, spec: { ...POOLER.spec, service: wanted } })),
  );
  assert.deepEqual(metadata.annotations, { a: 'b' });
  assert.equal(spec.type, 'LoadBalancer');
  assert.equal(spec.trafficDistribution, 'PreferSameZone');
  assert.deepEqual(spec.ports, [{ name: 'pgbouncer', port: 5432, targetPort: 'pgbouncer', protocol: 'TCP' }]);
});

test('what the spec leaves open of the Service stays with whoever decides it', () => {
  const { metadata, spec } = JSON.parse(JSON.stringify(service(POOLER)));
  assert.equal(metadata.annotations, undefined);
  assert.equal('trafficDistribution' in spec, false);
  assert.equal(spec.ports[0].port, 6432);
});

test('pods have an identity without a token', () => {
  assert.equal(serviceAccount(POOLER)['automountServiceAccountToken'], false);
  assert.equal(template.spec['serviceAccountName'], 'app');
});
