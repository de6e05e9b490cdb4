import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../kube/objects.ts';
import { isNews } from './caches.ts';

const metadata = { name: 'app', namespace: 'shop', uid: 'u', resourceVersion: '1' };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...metadata, generation: 1, labels: { a: '1' } },
  spec: { replicas: 2 },
  status: { readyReplicas: 0 },
};
const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [6432] } };
const pod = { apiVersion: 'v1', kind: 'Pod', metadata, status: { phase: 'Pending' } };

const CASES: readonly {
  readonly what: string;
  readonly old: KubeObject | undefined;
  readonly current: KubeObject | undefined;
  readonly news: boolean;
}[] = [
  { what: 'an object that is new', old: undefined, current: pod, news: true },
  { what: 'one that is gone', old: pod, current: undefined, news: true },
  {
    what: 'one that was made again under its name',
    old: service,
    current: { ...service, metadata: { ...metadata, uid: 'v' } },
    news: true,
  },
  {
    what: 'another resourceVersion alone',
    old: service,
    current: { ...service, metadata: { ...metadata, resourceVersion: '2' } },
    news: false,
  },
  {
    what: 'status of a Deployment',
    old: deployment,
    current: { ...deployment, status: { readyReplicas: 2 } } as KubeObject,
    news: false,
  },
  {
    what: 'a generation',
    old: deployment,
    current: { ...deployment, metadata: { ...deployment.metadata, generation: 2 } },
    news: true,
  },
  {
    what: 'a label that a hand took away',
    old: deployment,
    current: { ...deployment, metadata: { ...deployment.metadata, labels: {} } },
    news: true,
  },
  {
    what: 'the spec of a kind without generations',
    old: service,
    current: { ...service, spec: { ports: [5432] } } as KubeObject,
    news: true,
  },
  { what: 'status of a pod', old: pod, current: { ...pod, status: { phase: 'Running' } } as KubeObject, news: true },
];

for (const { what, old, current, news } of CASES) {
  test(`${what} is ${news ? '' : 'no '}news`, () => {
    assert.equal(isNews(old, current), news);
  });
}
