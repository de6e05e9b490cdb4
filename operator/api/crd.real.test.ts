import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ControlPlane, startControlPlane } from '../../e2e/cluster/control-plane.ts';
import { established } from '../../e2e/cluster/established.ts';
import { goldenSamples } from '../plan/testing/golden.ts';
import { fc } from '../testing/properties.ts';
import { customResourceDefinition } from './crd.ts';
import { formatFault } from './fault.ts';
import { specSchema } from './spec-schema.ts';
import { statusSchema } from './status-schema.ts';
import { type ApiServer, judgesOf } from './testing/api-server.ts';
import { validSpec } from './testing/arbitrary-spec.ts';
import { BAD_INPUT } from './testing/bad-input.ts';
import { isRecord, type Json, type JsonObject, poolerOf } from './testing/json.ts';
import { mutatedSpec } from './testing/mutated-spec.ts';
import { validatePooler } from './validate.ts';

const CRD = 'crd/connectionpoolers.poolkeeper.dev';
const RANDOM_SPECS = 600;

describe('the CRD in a real API server', () => {
  let directory: string;
  let cluster: ControlPlane;
  let api: ApiServer;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'poolkeeper-crd-'));
    cluster = await startControlPlane({ directory, controllers: false });
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(customResourceDefinition()));
    await established(cluster);
    api = await judgesOf(cluster);
  });
  after(async () => {
    api.close();
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Both verdicts on one document; when both accept it, both must have filled in the same defaults. */
  async function assertAgree(document: JsonObject): Promise<boolean> {
    const { accepted, answer } = await api.judge(document);
    const ours = validatePooler(document, 'refuse');
    const reasons = ours.ok ? '' : ours.faults.map(formatFault).join('\n');
    assert.equal(
      ours.ok,
      accepted,
      `validate: ${ours.ok ? 'accepted' : reasons}\nAPI server: ${accepted ? 'accepted' : JSON.stringify(answer['message'])}\n${JSON.stringify(document)}`,
    );
    if (ours.ok) assert.deepEqual(ours.pooler.spec, answer['spec']);
    return accepted;
  }

  it('is structural, and has names of its own', async () => {
    const conditions = JSON.parse(await cluster.kubectl(['get', CRD, '-o', 'jsonpath={.status.conditions}']));
    const states = new Map(conditions.map(({ type, status }: Record<string, string>) => [type, status]));
    assert.equal(states.get('Established'), 'True');
    assert.equal(states.get('NamesAccepted'), 'True');
    assert.notEqual(states.get('NonStructuralSchema'), 'True');
  });

  it('accepts every sample', async () => {
    for (const { name, documents } of await goldenSamples()) {
      const [pooler] = documents.poolers;
      const sample = JSON.parse(JSON.stringify(pooler));
      sample.metadata = { name: 'app' };
      assert.equal(await assertAgree(sample), true, name);
    }
  });

  for (const { what, document, path, apiServer } of BAD_INPUT) {
    it(`refuses, naming the field: ${what}`, async () => {
      const { accepted, answer } = await api.judge(document);
      assert.equal(accepted, false);
      const message = String(answer['message']);
      if (apiServer !== undefined) assert.match(message, apiServer);
      else assert.ok(message.includes(path), message);
    });
  }

  it('says the same as validate to any spec that is valid, and fills in the same defaults', async () => {
    await fc.assert(
      fc.asyncProperty(validSpec, async (spec) => {
        assert.equal(await assertAgree(poolerOf(spec)), true);
      }),
      { numRuns: RANDOM_SPECS / 2 },
    );
  });

  it('says the same as validate to any spec with something wrong in it, or nearly', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(mutatedSpec, async (spec) => {
        if (await assertAgree(poolerOf(spec))) accepted += 1;
      }),
      { numRuns: RANDOM_SPECS },
    );
    assert.ok(accepted > RANDOM_SPECS / 10 && accepted < RANDOM_SPECS * 0.9, `one-sided: ${accepted} accepted`);
  });

  it('never refuses kubectl scale: not where the budget is too small for the replicas, nor where it does not exist', async () => {
    const spec = {
      replicas: 1,
      backends: [{ host: 'pg', serverMaxConnections: 10, connectionBudget: '30%' }],
      databases: [{ name: 'app', connectionBudget: 3, poolSize: 1 }],
    };
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(poolerOf(spec, 'scaled')));
    for (const replicas of ['100', '0', '3']) {
      await cluster.kubectl(['scale', 'cpool/scaled', `--replicas=${replicas}`]);
      assert.equal(await cluster.kubectl(['get', 'cpool/scaled', '-o', 'jsonpath={.spec.replicas}']), replicas);
    }
    await assert.rejects(cluster.kubectl(['scale', 'cpool/scaled', '--replicas=101']), /spec\.replicas/);
  });

  it('lets autoscalers find pods and replicas through scale', async () => {
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(poolerOf({ backends: [{ host: 'pg' }] }, 'found')));
    const status = { replicas: 2, selector: 'app.kubernetes.io/instance=found' };
    await cluster.kubectl([
      'patch',
      'cpool/found',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    ]);
    const path = '/apis/poolkeeper.dev/v1alpha1/namespaces/default/connectionpoolers/found/scale';
    const scale = JSON.parse(await cluster.kubectl(['get', '--raw', path]));
    assert.deepEqual(scale.spec, { replicas: 2 });
    assert.deepEqual(scale.status, status);
  });

  it('shows what matters in a table', async () => {
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(poolerOf({ backends: [{ host: 'pg' }] }, 'shown')));
    const condition = (type: string, reason: string) => ({
      type,
      status: 'True',
      reason,
      message: 'm',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
    const status = {
      readyReplicas: 3,
      clientsWaiting: 7,
      version: '1.26.1',
      config: { revision: '9f2c41d0' },
      conditions: [condition('Ready', 'AllReady'), condition('ConfigSynced', 'Proved')],
    };
    await cluster.kubectl([
      'patch',
      'cpool/shown',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    ]);
    const rows = (await cluster.kubectl(['get', 'cpool/shown'])).trim().split('\n');
    const [head, row] = rows.map((line) => line.split(/\s+/));
    assert.deepEqual(head, ['NAME', 'READY', 'REPLICAS', 'SYNCED', 'WAITING', 'AGE']);
    assert.deepEqual(row?.slice(0, 5), ['shown', 'True', '3', 'True', '7']);
    const wide = await cluster.kubectl(['get', 'poolkeeper', '-o', 'wide']);
    assert.match(wide, /REASON +REVISION +VERSION\n/);
    assert.match(wide, /AllReady +9f2c41d0 +1\.26\.1/);
  });

  it('takes a status as the operator writes it: the conditions are a map by type', async () => {
    const document = poolerOf({ backends: [{ host: 'pg' }] }, 'mapped');
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(document));
    const apply = (manager: string, type: string) => {
      const time = '2026-01-01T00:00:00Z';
      const conditions = [{ type, status: 'True', reason: 'R', message: 'm', lastTransitionTime: time }];
      const { apiVersion, kind, metadata } = document;
      return cluster.kubectl(
        ['apply', '--server-side', '--subresource=status', `--field-manager=${manager}`, '-f', '-'],
        JSON.stringify({ apiVersion, kind, metadata, status: { conditions } }),
      );
    };
    await apply('one', 'Ready');
    await apply('another', 'Elsewhere');
    const types = await cluster.kubectl(['get', 'cpool/mapped', '-o', 'jsonpath={.status.conditions[*].type}']);
    assert.deepEqual(types.split(' ').sort(), ['Elsewhere', 'Ready']);
  });

  it('explains every field with kubectl explain', async () => {
    const fields: readonly string[] = [
      'spec',
      'spec.databases.serverUser',
      'spec.template.metadata',
      'status.conditions',
    ];
    for (const field of fields) {
      const said = await cluster.kubectl(['explain', `cpool.${field}`]);
      assert.match(said, /DESCRIPTION:/);
      assert.doesNotMatch(said, /<no description>/);
    }
    // What kubectl explain reads, field by field.
    const openApi = JSON.parse(await cluster.kubectl(['get', '--raw', '/openapi/v3/apis/poolkeeper.dev/v1alpha1']));
    const kind = openApi.components.schemas['dev.poolkeeper.v1alpha1.ConnectionPooler'];
    const silent = ['spec', 'status'].flatMap((part) => withoutDescription(kind.properties[part], part));
    assert.deepEqual(silent, []);
    assert.deepEqual(Object.keys(kind.properties.spec.properties).sort(), Object.keys(specSchema.properties).sort());
    assert.deepEqual(
      Object.keys(kind.properties.status.properties).sort(),
      Object.keys(statusSchema.properties).sort(),
    );
  });
});

/** Paths of fields that say nothing of themselves. */
function withoutDescription(schema: Json | undefined, path: string): readonly string[] {
  if (!isRecord(schema)) return [];
  const properties = isRecord(schema['properties']) ? schema['properties'] : {};
  return [
    ...(typeof schema['description'] === 'string' ? [] : [path]),
    ...Object.entries(properties).flatMap(([name, child]) => withoutDescription(child, `${path}.${name}`)),
    ...(isRecord(schema['items']) && isRecord(schema['items']['properties'])
      ? Object.entries(schema['items']['properties']).flatMap(([name, child]) =>
          withoutDescription(child, `${path}[].${name}`),
        )
      : []),
  ];
}
