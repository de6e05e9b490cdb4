import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { customResourceDefinition } from '../api/crd.ts';
import { API_GROUP_VERSION, KIND, LABEL_INSTANCE, labelsOf, POOLERS } from '../api/names.ts';
import { EVERY_FIELD, type HostileSpec, hostileSpecs } from '../api/testing/hostile-spec.ts';
import { isRecord, type Json } from '../api/testing/json.ts';
import { validatePooler } from '../api/validate.ts';
import { ApiError } from '../kube/errors.ts';
import { create, list, mergePatch, update } from '../kube/operations.ts';
import { PODS, SECRETS } from '../kube/resources.ts';
import { CONDITION_RULES } from '../rules/conditions.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

/** The definition that ships, with a hand laid on it: it checks nothing any more. */
function withoutValidation(): string {
  const definition: unknown = JSON.parse(JSON.stringify(customResourceDefinition()));
  assert.ok(isRecord(definition) && isRecord(definition['spec']) && Array.isArray(definition['spec']['versions']));
  const versions = definition['spec']['versions'].map((version: Json) => ({
    ...(isRecord(version) ? version : {}),
    schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  }));
  return JSON.stringify({ ...definition, spec: { ...definition['spec'], versions } });
}

interface Created extends HostileSpec {
  readonly name: string;
  /** What the same rules say of it outside of any cluster. */
  readonly fault: string | undefined;
}

const documentOf = (name: string, namespace: string, spec: Json) => ({
  apiVersion: API_GROUP_VERSION,
  kind: KIND,
  metadata: { name, namespace },
  spec,
});

await inOwnNetwork(import.meta.filename, () => {
  describe('objects that no schema checked', () => {
    let stage: Stage;
    const created: Created[] = [];
    before(async () => {
      stage = await startStage({ crd: withoutValidation(), flags: ['--observe-interval=600s'] });
      await stage.proved('good', await stage.pooler('good'));
    });
    after(() => stage?.stop());

    const goodOneStillWorks = async (): Promise<void> => {
      const clients = 100 + Math.floor(Math.random() * 1_000);
      await stage.proved('good', await stage.pooler('good', { maxClientConnections: clients }));
    };
    /** Reconciles and writes while nothing happens. */
    const quietly = async (seconds: number) => {
      const counts = async () => ({
        reconciles: await stage.operator.metric('controller_runtime_reconcile_total'),
        errors: await stage.operator.metric('controller_runtime_reconcile_errors_total'),
        writes:
          (await stage.operator.metric('rest_client_requests_total', 'method="PATCH"')) +
          (await stage.operator.metric('rest_client_requests_total', 'method="DELETE"')),
      });
      const first = await counts();
      await sleep(seconds * 1_000);
      const last = await counts();
      return {
        reconciles: last.reconciles - first.reconciles,
        errors: last.errors - first.errors,
        writes: last.writes - first.writes,
      };
    };

    it('get into the cluster by the hundred', async (test) => {
      const waiting = hostileSpecs().map((spec, index) => ({ ...spec, name: `hostile-${index}` }));
      let refused = 0;
      const worker = async (): Promise<void> => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
          const { name, spec, what } = next;
          try {
            await create(stage.client, POOLERS, documentOf(name, stage.namespace, spec), stage.namespace);
          } catch (error) {
            // The API server has limits of its own, on nesting for one.
            if (!(error instanceof ApiError)) throw error;
            refused += 1;
            continue;
          }
          const verdict = validatePooler(documentOf(name, stage.namespace, JSON.parse(JSON.stringify(spec))), 'ignore');
          created.push({ name, spec, what, fault: verdict.ok ? undefined : (verdict.faults[0]?.path ?? '') });
        }
      };
      await Promise.all(Array.from({ length: 16 }, worker));
      test.diagnostic(
        `${created.length} created (${created.filter(({ fault }) => fault !== undefined).length} of them not valid), ${refused} refused by the API server`,
      );
      assert.ok(created.length > 300);
    });

    it('are judged one and all: what is wrong is named by its field', async () => {
      const poolers = async () =>
        new Map(
          (await list<Awaited<ReturnType<Stage['read']>>>(stage.client, POOLERS, stage.namespace)).items.map(
            (pooler) => [pooler.metadata.name, pooler],
          ),
        );
      const wrong = (found: Awaited<ReturnType<typeof poolers>>): readonly string[] =>
        created.flatMap(({ name, what, fault }) => {
          const conditions = found.get(name)?.status?.conditions ?? [];
          const stalled = conditions.find(({ type }) => type === 'Stalled');
          const said = `${name} (${what}) ${fault ?? 'valid'}: Stalled ${stalled?.status} ${stalled?.reason}: ${stalled?.message}`;
          if (stalled === undefined) return [said];
          // What the rules of the spec take may still stand against a budget, an image or a template.
          if (fault === undefined) return [];
          return stalled.status === 'True' && stalled.reason === 'InvalidSpec' && stalled.message.includes(fault)
            ? []
            : [said];
        });
      await until('every one to be judged', async () => {
        const left = wrong(await poolers());
        return left.length === 0 ? true : `${left.length}, the first: ${left[0]}`;
      });
      await goodOneStillWorks();
    });

    it('end in peace: no reconcile, no write, no error', async (test) => {
      // A pod's entry goes back to rest a while after a change: one write, and the last.
      await sleep(17_000);
      await until('quiet', async () => {
        const found = await quietly(2);
        return found.reconciles === 0 ? true : JSON.stringify(found);
      });
      const found = await quietly(10);
      test.diagnostic(`in 10 s: ${JSON.stringify(found)}`);
      assert.deepEqual(found, { reconciles: 0, errors: 0, writes: 0 });
    });

    it('recover when they are corrected', async () => {
      const some = created.filter(({ fault }, index) => fault !== undefined && index % 9 === 0);
      for (const { name } of some) {
        const stored = await stage.read(name);
        const corrected = { ...stored, spec: EVERY_FIELD };
        await update(stage.client, POOLERS, corrected as unknown as Parameters<typeof update>[2]);
      }
      for (const { name } of some) {
        await until(`${name} to recover`, async () => {
          const stalled = await stage.condition(name, 'Stalled');
          return stalled?.status === 'False' ? true : (stalled?.message ?? 'nothing');
        });
      }
    });

    it('may carry a status of any shape, which is written anew and not fought over', async () => {
      const shapes: readonly Json[] = [
        { conditions: 'x' },
        { conditions: [null, 7, { type: 5 }], config: 5, history: {}, pools: 'x', pods: [[]], budget: [null] },
        { config: { failed: 'x', revision: {}, restartRequired: 9, extra: { a: 1 } }, observedGeneration: 'x' },
        { conditions: null, clientsWaiting: 'many', endpoint: [], extra: { conditions: [] } },
      ];
      for (const status of shapes) {
        await mergePatch(stage.client, POOLERS, stage.namespace, 'good', { status }, { subresource: 'status' });
        await goodOneStillWorks();
        const { conditions } = (await stage.read('good')).status ?? {};
        assert.equal(conditions?.length, CONDITION_RULES.length);
      }
      await until('quiet', async () => {
        const found = await quietly(2);
        return found.writes === 0 ? true : JSON.stringify(found);
      });
    });

    it('may be pods labelled as ours, wherever they say they are', async () => {
      const pod = (name: string, pooler: string, labels: object = {}) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: stage.namespace, labels: { ...labelsOf(pooler), ...labels } },
        spec: { containers: [{ name: 'pgbouncer', image: 'x' }] },
      });
      const addresses = ['127.0.0.1', '169.254.169.254', '0.0.0.0', '::1', 'fe80::1', '::ffff:127.0.0.1'];
      const status = (podIP: string) => ({
        phase: 'Running',
        podIP,
        podIPs: [{ ip: podIP }],
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          { name: 'pgbouncer', image: 'x', imageID: 'x', ready: true, restartCount: 0, state: { running: {} } },
        ],
      });
      await create(stage.client, PODS, pod('no-status', 'good'), stage.namespace);
      await create(stage.client, PODS, pod('nobodys', 'there-is-no-such-pooler'), stage.namespace);
      await create(stage.client, PODS, pod('odd-label', 'good', { [LABEL_INSTANCE]: 'constructor' }), stage.namespace);
      const told: string[] = [];
      for (const [index, address] of addresses.entries()) {
        const name = `elsewhere-${index}`;
        await create(stage.client, PODS, pod(name, 'good'), stage.namespace);
        try {
          const body = { status: status(address) };
          await mergePatch(stage.client, PODS, stage.namespace, name, body, { subresource: 'status' });
          told.push(name);
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
        }
      }
      assert.ok(told.length > 0);
      await until('the pods to be counted', async () => {
        const names = (await stage.read('good')).status?.pods?.map(({ name }) => name) ?? [];
        return told.every((name) => names.includes(name)) ? true : names.join();
      });
      assert.doesNotMatch(stage.operator.output(), /127\.0\.0\.1:6432|169\.254/);
      await stage.kubectl([
        'delete',
        'pods',
        '--now',
        'no-status',
        'nobodys',
        'odd-label',
        ...addresses.map((_, index) => `elsewhere-${index}`),
      ]);
      await goodOneStillWorks();
    });

    it('may be our own children, edited by hand', async () => {
      const config = (await list(stage.client, SECRETS, stage.namespace)).items.find(({ metadata }) =>
        metadata.name.startsWith('good-config-'),
      );
      const patch = (kind: string, name: string, body: object): Promise<string> =>
        stage.kubectl(['patch', kind, name, '--type=merge', '--patch', JSON.stringify(body)]);
      const binary = Buffer.from([0xff, 0, 0xfe]).toString('base64');
      const secret = config?.metadata.name ?? '';
      for (const [kind, name, body] of [
        ['service', 'good', { spec: { ports: [{ name: 'other', port: 1, targetPort: 1 }] } }],
        ['service', 'good', { spec: { selector: null } }],
        ['secret', secret, { data: { 'proved.ini': binary } }],
        ['secret', secret, { data: null }],
        ['secret', secret, { metadata: { annotations: { 'poolkeeper.dev/revision': '\u001b[2J../../etc' } } }],
        ['secret', secret, { metadata: { annotations: null, labels: null } }],
        ['secret', 'good-admin', { data: { password: binary, 'revision-key': '' } }],
        ['deployment', 'good', { spec: { template: { spec: { containers: [{ name: 'other', image: 'x' }] } } } }],
        ['deployment', 'good', { metadata: { annotations: null, labels: null } }],
      ] as const) {
        await patch(kind, name, body);
        await goodOneStillWorks();
      }
    });

    it('never made it stumble', async (test) => {
      assert.ok(stage.operator.running());
      const output = stage.operator.output();
      assert.doesNotMatch(output, /TypeError|RangeError|polluted|\u001b/);
      const { now, peak } = await stage.operator.memory();
      test.diagnostic(`${now} MB now, ${peak} MB at most`);
    });
  });
});
