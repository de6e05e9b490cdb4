import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_IMAGE, readSettings, type Settings } from './settings.ts';

test('without flags everything suits an installation for the whole cluster', () => {
  const settings = readSettings([], { POD_NAME: 'operator-1', POD_NAMESPACE: 'pooling' });
  assert.deepEqual(settings, {
    namespaces: [],
    defaultImage: DEFAULT_IMAGE,
    workers: 64,
    observeIntervalMs: 15_000,
    maxConcurrentChanges: 10,
    templateMode: 'restricted',
    clusterDomain: 'cluster.local',
    leaderElect: true,
    leaseNamespace: 'pooling',
    leaseMs: 10_000,
    identity: 'operator-1',
    listen: { port: 8080 },
    logLevel: 'info',
    context: undefined,
  });
});

test('outside a pod it still has an identity of its own, and a namespace for its lease', () => {
  const settings = readSettings([], { HOSTNAME: 'laptop' });
  assert.equal(settings.identity, `laptop-${process.pid}`);
  assert.equal(settings.leaseNamespace, 'poolkeeper-system');
});

const FLAGS: readonly { readonly args: readonly string[]; readonly settings: Partial<Settings> }[] = [
  { args: ['--namespaces', 'a, b ,,c'], settings: { namespaces: ['a', 'b', 'c'] } },
  { args: ['--default-image=mine:1.24.1'], settings: { defaultImage: 'mine:1.24.1' } },
  { args: ['--workers=1'], settings: { workers: 1 } },
  { args: ['--observe-interval=1m30s'], settings: { observeIntervalMs: 90_000 } },
  { args: ['--max-concurrent-changes=3'], settings: { maxConcurrentChanges: 3 } },
  { args: ['--pod-template=full'], settings: { templateMode: 'full' } },
  { args: ['--cluster-domain=example.internal'], settings: { clusterDomain: 'example.internal' } },
  { args: ['--leader-elect=false'], settings: { leaderElect: false } },
  { args: ['--lease-namespace=other'], settings: { leaseNamespace: 'other' } },
  { args: ['--lease-duration=30s'], settings: { leaseMs: 30_000 } },
  { args: ['--listen=127.0.0.1:9090'], settings: { listen: { host: '127.0.0.1', port: 9090 } } },
  { args: ['--listen=:0'], settings: { listen: { port: 0 } } },
  { args: ['--log-level=debug'], settings: { logLevel: 'debug' } },
  { args: ['--context=kind'], settings: { context: 'kind' } },
];

for (const { args, settings } of FLAGS) {
  test(`a flag is taken as it is meant: ${args.join(' ')}`, () => {
    const read = readSettings(args, {});
    assert.deepEqual({ ...read, ...settings }, read);
  });
}

const WRONG: readonly { readonly arg: string; readonly message: RegExp }[] = [
  { arg: '--cluster-domain=', message: /^--cluster-domain: is not valid \(""\); write a domain/ },
  { arg: '--workers=0', message: /^--workers: is not valid \("0"\); give a whole number of at least 1$/ },
  { arg: '--workers=ten', message: /^--workers: .*"ten"/ },
  { arg: '--workers=1.5', message: /^--workers: .*"1\.5"/ },
  { arg: '--workers=', message: /^--workers: / },
  { arg: '--max-concurrent-changes=-1', message: /^--max-concurrent-changes: .*"-1"/ },
  {
    arg: '--observe-interval=15',
    message: /^--observe-interval: is not valid \("15"\); write a duration such as 15s$/,
  },
  { arg: '--lease-duration=1s', message: /^--lease-duration: is not valid \("1s"\); write a duration of at least 5s/ },
  { arg: '--observe-interval=0s', message: /^--observe-interval: / },
  { arg: '--pod-template=some', message: /^--pod-template: is not valid \("some"\); use one of: restricted, full$/ },
  { arg: '--leader-elect=yes', message: /^--leader-elect: .*true, false/ },
  { arg: '--listen=8080', message: /^--listen: is not valid \("8080"\); write \[host\]:port$/ },
  { arg: '--log-level=loud', message: /^--log-level: .*use one of: trace, debug/ },
  { arg: '--no-such-flag', message: /no-such-flag/ },
];

for (const { arg, message } of WRONG) {
  test(`a flag that is wrong is named with its value and the way out: ${arg}`, () => {
    assert.throws(() => readSettings([arg], {}), { message });
  });
}
