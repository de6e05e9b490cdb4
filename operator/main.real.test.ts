import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Lease } from './kube/lease-record.ts';
import { apply, get } from './kube/operations.ts';
import { LEASES } from './kube/resources.ts';
import { type RealApi, startRealApi } from './kube/testing/real-api.ts';
import type { TcpProxy } from './kube/testing/tcp-proxy.ts';
import { type OperatorProcess, startOperator } from './testing/operator-process.ts';

const CRD = fileURLToPath(new URL('../crds/poolkeeper.dev_connectionpoolers.yaml', import.meta.url));

const ENDS = /does not lead any more/;

let api: RealApi;
before(async () => {
  api = await startRealApi({});
  await api.controlPlane?.kubectl(['apply', '--server-side', '-f', CRD]);
});
after(() => api.stop());

/** An operator of a namespace, its lease there too, that reaches the API server through a proxy. */
async function operate(namespace: string, proxy: TcpProxy): Promise<OperatorProcess> {
  const kubeconfig = join(api.controlPlane?.directory ?? '', `${namespace}.kubeconfig`);
  const text = await readFile(api.kubeconfig, 'utf8');
  await writeFile(kubeconfig, text.replace(api.controlPlane?.url ?? '', `https://127.0.0.1:${proxy.port}`));
  return startOperator({ kubeconfig, namespaces: [namespace], leaseNamespace: namespace });
}

/** Runs a test with an operator that leads in a namespace of its own. */
async function leading(
  test: (operator: OperatorProcess, namespace: string, proxy: TcpProxy) => Promise<void>,
  until = 'this process leads',
): Promise<void> {
  const namespace = await api.namespace();
  await using proxy = await api.proxy();
  const operator = await operate(namespace, proxy);
  try {
    await operator.says(until);
    await test(operator, namespace, proxy);
  } finally {
    await operator.kill();
  }
}

const holder = async (namespace: string): Promise<string | undefined> =>
  (await get<Lease>(api.client, LEASES, namespace, 'poolkeeper')).spec?.holderIdentity;

const createPoolers = (namespace: string, count: number): Promise<unknown> =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      apply(
        api.client,
        {
          group: 'poolkeeper.dev',
          version: 'v1alpha1',
          plural: 'connectionpoolers',
          kind: 'ConnectionPooler',
          namespaced: true,
        },
        {
          apiVersion: 'poolkeeper.dev/v1alpha1',
          kind: 'ConnectionPooler',
          metadata: { name: `pooler-${index}`, namespace },
          spec: { backends: [{ host: 'db.example' }], databases: [{ name: 'app' }] },
        } as { readonly metadata: { readonly name: string; readonly namespace: string } },
        { fieldManager: 'test' },
      ),
    ),
  );

describe('the operator as a process', () => {
  it('gives its lease back when it is told to stop, and ends well', () =>
    leading(async (operator, namespace) => {
      assert.equal(await holder(namespace), 'operator');
      operator.signal('SIGTERM');
      assert.equal(await operator.ended, 0);
      assert.equal(await holder(namespace), '');
    }));

  it('ends by itself when it cannot renew its lease, also with reconciles that wait for an answer', () =>
    leading(async (operator, namespace, proxy) => {
      await createPoolers(namespace, 20);
      await operator.says(/./);
      proxy.be('swallow');
      await operator.says(ENDS);
      assert.equal(await operator.ended, 1);
      assert.equal(await holder(namespace), 'operator', 'nobody gave it back: it runs out');
    }));

  it('ends as soon as another holds the lease', () =>
    leading(async (operator, namespace) => {
      const lease = await get<Lease>(api.client, LEASES, namespace, 'poolkeeper');
      const stolen = { apiVersion: lease.apiVersion, kind: lease.kind, spec: { holderIdentity: 'another' } };
      const metadata = { name: 'poolkeeper', namespace };
      await apply(api.client, LEASES, { ...stolen, metadata } as Lease, { fieldManager: 'another', force: true });
      assert.match(String((await operator.says(ENDS))['reason']), /another holds the lease/);
      assert.equal(await operator.ended, 1);
      assert.equal(await holder(namespace), 'another');
    }));

  it('stops when it is told to while it waits for an API server that does not answer', async () => {
    const namespace = await api.namespace();
    await using proxy = await api.proxy();
    proxy.be('swallow');
    const operator = await operate(namespace, proxy);
    await operator.says('poolkeeper starts');
    operator.signal('SIGTERM');
    assert.equal(await operator.ended, 0);
  });
});
