import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDrift } from './drift.ts';

const cases: readonly {
  readonly name: string;
  readonly planned: unknown;
  readonly live: unknown;
  readonly drift: string | undefined;
}[] = [
  {
    name: 'fields others own are ignored',
    planned: { spec: { a: 1 } },
    live: { spec: { a: 1, clusterIP: 'x' }, status: {} },
    drift: undefined,
  },
  {
    name: 'a value that was changed',
    planned: { spec: { replicas: 3 } },
    live: { spec: { replicas: 2 } },
    drift: 'spec.replicas',
  },
  { name: 'a value that was removed', planned: { spec: { replicas: 3 } }, live: { spec: {} }, drift: 'spec.replicas' },
  { name: 'false that the API server leaves out', planned: { paused: false }, live: {}, drift: undefined },
  { name: 'true that somebody removed', planned: { paused: true }, live: {}, drift: 'paused' },
  {
    name: 'quantities are numbers',
    planned: { cpu: '1000m', memory: '1024Mi' },
    live: { cpu: '1', memory: '1Gi' },
    drift: undefined,
  },
  { name: 'other quantities', planned: { cpu: '1000m' }, live: { cpu: '2' }, drift: 'cpu' },
  {
    name: 'an item of a list',
    planned: { ports: [{ port: 6432 }] },
    live: { ports: [{ port: 6433, protocol: 'TCP' }] },
    drift: 'ports[0].port',
  },
  {
    name: 'an item that somebody added',
    planned: { ports: [{ port: 6432 }] },
    live: { ports: [{ port: 6432 }, { port: 1 }] },
    drift: 'ports',
  },
  {
    name: 'a key too many in a selector',
    planned: { spec: { selector: { a: 'b' } } },
    live: { spec: { selector: { a: 'b', c: 'd' } } },
    drift: 'spec.selector.c',
  },
  { name: 'an empty map', planned: { labels: {} }, live: {}, drift: undefined },
];

for (const { name, planned, live, drift } of cases) {
  test(`drift: ${name}`, () => {
    assert.equal(findDrift(planned, live), drift);
  });
}
