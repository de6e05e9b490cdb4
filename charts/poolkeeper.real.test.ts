/**
 * What the chart promises to those who install it: pods that a restricted namespace accepts, objects that a real API
 * server takes, and no value that is misspelt in silence. The objects are those that Helm itself renders.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startControlPlane } from '../e2e/cluster/control-plane.ts';
import { CommandFailed } from '../e2e/cluster/run.ts';
import { readSettings } from '../operator/settings.ts';
import { chart, helmSays, NAMESPACE, only, podOf, render, renderAs } from './testing/rendered.ts';

describe("the operator's pod", () => {
  it('satisfies Pod Security restricted', async () => {
    const pod = podOf(await render());
    assert.equal(pod.securityContext['runAsNonRoot'], true);
    assert.deepEqual(pod.securityContext['seccompProfile'], { type: 'RuntimeDefault' });
    assert.deepEqual(pod.containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    assert.equal(pod.volumes, undefined);
  });

  it('is told everything by arguments and knows its own name', async () => {
    const [container] = podOf(await render()).containers;
    assert.deepEqual(container.args, [
      '--namespaces=',
      '--default-image=ghcr.io/poolkeeper/pgbouncer:1.26.1',
      '--workers=64',
      '--observe-interval=15s',
      '--max-concurrent-changes=10',
      '--pod-template=restricted',
      '--cluster-domain=cluster.local',
      '--leader-elect=true',
      `--lease-namespace=${NAMESPACE}`,
      '--listen=:8080',
      '--log-level=info',
    ]);
    assert.deepEqual(
      container.env.map(({ name }) => name),
      ['POD_NAME', 'POD_NAMESPACE'],
    );
    assert.ok(container.startupProbe && container.livenessProbe && container.readinessProbe);
    assert.deepEqual(container.resources, { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } });
  });

  it('is told nothing that the operator does not understand', async () => {
    const settingsOf = async (...sets: readonly string[]) =>
      readSettings(podOf(await render(...sets)).containers[0].args, {
        POD_NAME: 'operator-1',
        POD_NAMESPACE: NAMESPACE,
      });
    // The chart's defaults are the operator's own.
    assert.deepEqual(await settingsOf(), readSettings([], { POD_NAME: 'operator-1', POD_NAMESPACE: NAMESPACE }));
    const other = await settingsOf(
      ...['config.namespaces={a,b}', 'config.workers=8', 'config.observeInterval=1m', 'config.maxConcurrentChanges=3'],
      ...['config.podTemplate=full', 'config.leaderElect=false', 'config.listenPort=9090', 'config.logLevel=debug'],
      ...['config.defaultImage=registry:5000/pgbouncer:1.24.1', 'config.leaseNamespace=leases'],
      'config.clusterDomain=example.internal',
    );
    assert.deepEqual(other, {
      ...readSettings([], { POD_NAME: 'operator-1' }),
      namespaces: ['a', 'b'],
      workers: 8,
      observeIntervalMs: 60_000,
      maxConcurrentChanges: 3,
      templateMode: 'full',
      clusterDomain: 'example.internal',
      leaderElect: false,
      listen: { ...other.listen, port: 9090 },
      logLevel: 'debug',
      defaultImage: 'registry:5000/pgbouncer:1.24.1',
      leaseNamespace: 'leases',
    });
  });

  for (const [title, set, image] of [
    ['its own version by default', 'replicas=1', 'ghcr.io/poolkeeper/operator:0.1.0'],
    ['a tag', 'image.tag=edge', 'ghcr.io/poolkeeper/operator:edge'],
    ['a digest', `image.digest=sha256:${'a'.repeat(64)}`, `ghcr.io/poolkeeper/operator@sha256:${'a'.repeat(64)}`],
  ] as const) {
    it(`runs ${title}`, async () => assert.equal(podOf(await render(set)).containers[0].image, image));
  }
});

describe('optional objects', () => {
  for (const { title, sets, kind, expected } of [
    { title: 'no disruption budget for one replica', sets: [], kind: 'PodDisruptionBudget', expected: 0 },
    { title: 'a disruption budget for two', sets: ['replicas=2'], kind: 'PodDisruptionBudget', expected: 1 },
    { title: 'no ServiceMonitor by default', sets: [], kind: 'ServiceMonitor', expected: 0 },
    { title: 'a ServiceMonitor', sets: ['metrics.serviceMonitor.enabled=true'], kind: 'ServiceMonitor', expected: 1 },
    { title: 'no NetworkPolicy by default', sets: [], kind: 'NetworkPolicy', expected: 0 },
    { title: 'a NetworkPolicy', sets: ['networkPolicy.enabled=true'], kind: 'NetworkPolicy', expected: 1 },
    { title: 'a metrics Service', sets: [], kind: 'Service', expected: 1 },
    { title: 'no metrics Service', sets: ['metrics.service.enabled=false'], kind: 'Service', expected: 0 },
    { title: 'the CustomResourceDefinition', sets: [], kind: 'CustomResourceDefinition', expected: 1 },
    { title: 'none of it', sets: ['crds.enabled=false'], kind: 'CustomResourceDefinition', expected: 0 },
    {
      title: 'no ServiceAccount',
      sets: ['serviceAccount.create=false', 'serviceAccount.name=x'],
      kind: 'ServiceAccount',
      expected: 0,
    },
  ] as const) {
    it(`${title}`, async () => {
      const objects = await render(...sets);
      assert.equal(objects.filter((object) => object.kind === kind).length, expected);
    });
  }

  it('keeps the CustomResourceDefinition on uninstall unless told otherwise', async () => {
    const policy = async (...sets: readonly string[]) =>
      only(await render(...sets), 'CustomResourceDefinition', 'connectionpoolers.poolkeeper.dev').metadata
        .annotations?.['helm.sh/resource-policy'];
    assert.equal(await policy(), 'keep');
    assert.equal(await policy('crds.keep=false'), undefined);
  });

  it('spreads two replicas over nodes', async () => {
    assert.equal(podOf(await render()).topologySpreadConstraints, undefined);
    assert.equal(podOf(await render('replicas=2')).topologySpreadConstraints?.length, 1);
  });
});

describe('values', () => {
  for (const [title, set, complaint] of [
    ['an unknown key', 'replica=2', /replica/],
    ['an unknown key further down', 'config.worker=8', /worker/],
    ['a value that is not in the list', 'config.podTemplate=none', /restricted/],
    ['a wrong type', 'crds.enabled=maybe', /boolean/],
    ['a port that needs root', 'config.listenPort=80', /minimum/],
    ['a digest that is none', 'image.digest=latest', /sha256/],
  ] as const) {
    it(`refuse ${title}`, () => assert.rejects(render(set), failedWith(complaint)));
  }

  it('refuse two replicas without an election, and say why', () =>
    assert.rejects(render('replicas=2', 'config.leaderElect=false'), failedWith(/two operators would act at once/)));

  it('refuse a ServiceMonitor without its Service', () =>
    assert.rejects(
      render('metrics.serviceMonitor.enabled=true', 'metrics.service.enabled=false'),
      failedWith(/needs metrics.service.enabled/),
    ));

  it('are all documented', async () => {
    const readme = await readFile(join(chart, 'README.md'), 'utf8');
    const schema = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')) as Schema;
    const missing = Object.keys(schema.properties ?? {}).filter(
      (key) => key !== 'global' && !readme.includes(`\`${key}`),
    );
    assert.deepEqual(missing, []);
    const config = Object.keys(schema.properties?.['config']?.properties ?? {});
    assert.ok(config.length > 0);
    assert.deepEqual(
      config.filter((key) => !readme.includes(`\`config.${key}\``)),
      [],
    );
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

const failedWith = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CommandFailed);
  assert.match(error.output, pattern);
  return true;
};

describe('a real API server', () => {
  it('accepts every object without an unknown field, and the pod in a restricted namespace', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-chart-'));
    const server = await startControlPlane({ directory, controllers: false });
    try {
      const namespaces = [NAMESPACE, 'team-a', 'team-b'].map((name) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
      }));
      await server.kubectl(['apply', '--filename', '-'], list(namespaces));
      // What admission adds needs these two first.
      const objects = await render('replicas=2', 'networkPolicy.enabled=true');
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'operator', namespace: NAMESPACE },
        spec: podOf(objects),
      };
      const narrow = await render('config.namespaces={team-a,team-b}');
      for (const batch of [objects, [pod], narrow]) {
        await server.kubectl(
          ['apply', '--server-side', '--force-conflicts', '--validate=strict', '--filename', '-'],
          list(batch),
        );
      }
    } finally {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});

const list = (items: readonly unknown[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

describe('the chart', () => {
  it('passes helm lint', async () => {
    await helmSays('lint', chart, '--strict');
  });

  it('refuses a Kubernetes older than 1.31', () =>
    assert.rejects(helmSays('template', 'x', chart, '--kube-version', '1.30.4'), failedWith(/1\.31/)));

  for (const release of ['poolkeeper', 'pools', `release-${'x'.repeat(40)}`]) {
    it(`gives valid names under release ${release}`, async () => {
      for (const object of await renderAs(release))
        assert.match(object.metadata.name, /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/);
    });
  }
});
