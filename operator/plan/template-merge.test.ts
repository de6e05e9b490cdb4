import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { poolerOf } from '../api/testing/json.ts';
import type { PoolerSpec } from '../api/types.ts';
import { validatePooler } from '../api/validate.ts';
import { fc } from '../testing/properties.ts';
import { planPodTemplate } from './pod-template.ts';
import { checkTemplate, mergeTemplate, type PodTemplate, type TemplateMode } from './template-merge.ts';

type Template = NonNullable<PoolerSpec['template']>;

function templateOf(template: object): Template {
  const result = validatePooler(poolerOf({ backends: [{ host: 'pg' }], template }), 'refuse');
  assert.ok(result.ok, result.ok ? '' : result.faults.map(formatFault).join('\n'));
  assert.ok(result.pooler.spec.template);
  return result.pooler.spec.template;
}

const BASE: PodTemplate = {
  metadata: { labels: { 'app.kubernetes.io/name': 'pgbouncer' }, annotations: { 'poolkeeper.dev/entry': 'x' } },
  spec: {
    serviceAccountName: 'app',
    containers: [{ name: 'pgbouncer', image: 'p:1', resources: { requests: { cpu: '50m', memory: '32Mi' } } }],
  },
};

const SIDECAR = { name: 'sidecar', image: 'busybox:1' };

const CHECKS: readonly {
  readonly what: string;
  readonly template: object;
  readonly restricted: readonly RegExp[];
  readonly full?: readonly RegExp[];
}[] = [
  { what: 'nothing', template: {}, restricted: [] },
  {
    what: 'labels, annotations, resources, scheduling and a sidecar',
    template: {
      metadata: { labels: { team: 'a' }, annotations: { note: 'b' } },
      spec: {
        nodeSelector: { disk: 'ssd' },
        tolerations: [],
        affinity: {},
        topologySpreadConstraints: [],
        priorityClassName: 'high',
        containers: [{ name: 'pgbouncer', resources: { limits: { memory: '64Mi' } } }, SIDECAR],
      },
    },
    restricted: [],
  },
  {
    what: "the operator's labels and annotations",
    template: {
      metadata: {
        labels: { 'app.kubernetes.io/name': 'x', 'poolkeeper.dev/template-revision': 'x' },
        annotations: { 'poolkeeper.dev/entry': '%include /etc/passwd' },
      },
    },
    restricted: [
      /^spec\.template\.metadata\.labels\.app\.kubernetes\.io\/name: belongs to the operator; choose another name$/,
      /^spec\.template\.metadata\.labels\.poolkeeper\.dev\/template-revision: belongs/,
      /^spec\.template\.metadata\.annotations\.poolkeeper\.dev\/entry: belongs/,
    ],
    full: [/labels/, /labels/, /annotations/],
  },
  ...['hostNetwork', 'hostPID', 'serviceAccountName', 'securityContext', 'volumes', 'initContainers', 'dnsPolicy'].map(
    (field) => ({
      what: `${field} of the pod`,
      template: { spec: { [field]: [] } },
      restricted: [
        new RegExp(`^spec\\.template\\.spec\\.${field}: is not allowed; remove it, or .*--pod-template=full$`),
      ],
    }),
  ),
  ...['command', 'args', 'env', 'envFrom', 'securityContext', 'volumeMounts', 'lifecycle', 'ports'].map((field) => ({
    what: `${field} of the pgbouncer container`,
    template: { spec: { containers: [{ name: 'pgbouncer', [field]: [] }] } },
    restricted: [new RegExp(`containers\\[0\\]\\.${field}: is not allowed on the pgbouncer container; .*pod-template`)],
  })),
  {
    what: 'another image, which has a field of its own',
    template: { spec: { containers: [{ name: 'pgbouncer', image: 'x' }] } },
    restricted: [/containers\[0\]\.image: is not allowed on the pgbouncer container; set spec\.image$/],
  },
  ...['securityContext', 'volumeMounts', 'lifecycle', 'envFrom'].map((field) => ({
    what: `${field} of a sidecar`,
    template: { spec: { containers: [{ ...SIDECAR, [field]: [] }] } },
    restricted: [new RegExp(`containers\\[0\\]\\.${field}: is not allowed on a sidecar`)],
  })),
  {
    what: 'a sidecar without an image',
    template: { spec: { containers: [{ name: 'sidecar' }] } },
    restricted: [/containers\[0\]\.image: is missing on a sidecar \("sidecar"\); set it/],
  },
  {
    what: 'a directive that deletes the container',
    template: { spec: { containers: [{ name: 'pgbouncer', $patch: 'delete' }] } },
    restricted: [/\$patch "delete": is a patch directive/, /containers\[0\]\.\$patch: is not allowed/],
    full: [/\$patch "delete": is a patch directive; .*cannot be removed/],
  },
  {
    what: 'a directive deep inside',
    template: { spec: { affinity: { nodeAffinity: { $retainKeys: ['x'] } } } },
    restricted: [/^spec\.template\.spec\.affinity\.nodeAffinity\.\$retainKeys/],
    full: [/\$retainKeys/],
  },
  ...[{}, null, 'x', [1]].map((volumes) => ({
    what: `volumes that are ${JSON.stringify(volumes)}`,
    template: { spec: { volumes } },
    restricted: [/volumes: is not a list of objects with a name; give each volume a name/, /volumes: is not allowed/],
    full: [/volumes: is not a list of objects with a name; give each volume a name/],
  })),
  ...[[], {}, null, 'x', [{}], [{ name: 1 }], [null]].map((containers) => ({
    what: `containers that are ${JSON.stringify(containers)}`,
    template: { spec: { containers } },
    restricted: [
      /^spec\.template\.spec\.containers: is not a list of objects with a name; give each container a name$/,
    ],
    full: [/^spec\.template\.spec\.containers: is not a list/],
  })),
];

for (const { what, template, restricted, full = [] } of CHECKS) {
  test(`a template with ${what}`, () => {
    const expected: Readonly<Record<TemplateMode, readonly RegExp[]>> = { restricted, full };
    for (const mode of ['restricted', 'full'] as const) {
      const lines = checkTemplate(templateOf(template), mode).map(formatFault);
      assert.equal(lines.length, expected[mode].length, `${mode}: ${lines.join('\n')}`);
      for (const [index, line] of expected[mode].entries()) assert.match(lines[index] ?? '', line);
    }
  });
}

test('maps are merged key by key, containers by their names', () => {
  const template = templateOf({
    metadata: { labels: { team: 'a' }, annotations: { note: 'b' } },
    spec: {
      nodeSelector: { disk: 'ssd' },
      containers: [SIDECAR, { name: 'pgbouncer', resources: { requests: { cpu: '1' }, limits: { memory: '1Gi' } } }],
    },
  });
  const merged = mergeTemplate(BASE, template);
  assert.deepEqual(merged.metadata, {
    labels: { team: 'a', 'app.kubernetes.io/name': 'pgbouncer' },
    annotations: { note: 'b', 'poolkeeper.dev/entry': 'x' },
  });
  const [pgbouncer, sidecar] = merged.spec.containers;
  assert.deepEqual(pgbouncer, {
    name: 'pgbouncer',
    image: 'p:1',
    resources: { requests: { cpu: '1', memory: '32Mi' }, limits: { memory: '1Gi' } },
  });
  assert.ok(typeof sidecar === 'object' && sidecar !== null);
  assert.deepEqual(Reflect.get(sidecar, 'image'), 'busybox:1');
  assert.deepEqual(merged.spec['nodeSelector'], { disk: 'ssd' });
  assert.equal(merged.spec['serviceAccountName'], 'app');
});

test("a sidecar is as restricted as the pooler, so that the namespace's pod security takes the pod", () => {
  const [, sidecar] = mergeTemplate(BASE, templateOf({ spec: { containers: [SIDECAR] } })).spec.containers;
  assert.ok(typeof sidecar === 'object' && sidecar !== null);
  const security = Reflect.get(sidecar, 'securityContext');
  assert.equal(security.allowPrivilegeEscalation, false);
  assert.deepEqual(security.capabilities, { drop: ['ALL'] });
});

test("the operator's own labels win, whatever got past the check", () => {
  const template = templateOf({ metadata: { labels: { 'app.kubernetes.io/name': 'mine' } } });
  assert.equal(mergeTemplate(BASE, template).metadata.labels['app.kubernetes.io/name'], 'pgbouncer');
});

test('a template that passes the check never costs the pod its pooler, and never throws', () => {
  const names = fc.constantFrom(
    'containers',
    'volumes',
    'affinity',
    'serviceAccountName',
    'constructor',
    '__proto__',
    'x',
  );
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom([SIDECAR], [{ name: 'pgbouncer', env: [] }], [{ name: 'config', emptyDir: {} }], []),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(names, value), { maxLength: 4 }), (fields) => {
      const template = templateOf({ spec: Object.fromEntries(fields) });
      if (checkTemplate(template, 'full').length > 0) return;
      const { template: planned } = planPodTemplate({
        name: 'app',
        spec: {
          replicas: 1,
          suspend: false,
          profile: 'balanced',
          backends: [{ name: 'p', host: 'x', port: 1 }],
          template,
        },
        image: 'p:1',
        version: '1.26.1',
        restartOnly: {},
        credentials: '',
      });
      const [first] = planned.spec.containers;
      assert.ok(typeof first === 'object' && first !== null);
      assert.equal(Reflect.get(first, 'name'), 'pgbouncer');
      assert.equal(Reflect.get(first, 'image'), 'p:1');
    }),
    { numRuns: 500 },
  );
});
