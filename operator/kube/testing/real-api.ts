/** A real API server for contract tests: a control plane of its own on loopback, or the one of POOLKEEPER_TEST_KUBECONFIG. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../../../e2e/cluster/control-plane.ts';
import { apiAccess } from '../access.ts';
import { createKubeClient, type KubeClient } from '../client.ts';
import type { KubeObject } from '../objects.ts';
import { create } from '../operations.ts';
import { NAMESPACES } from '../resources.ts';

export interface RealApi {
  readonly client: KubeClient;
  /** Undefined when somebody else's API server is used. */
  readonly controlPlane: ControlPlane | undefined;
  readonly kubeconfig: string;
  /** A new namespace with a random name. */
  namespace(): Promise<string>;
  stop(): Promise<void>;
}

/** @param options given: always an own control plane, since the test changes it */
export async function startRealApi(options?: Partial<ControlPlaneOptions>): Promise<RealApi> {
  const given = process.env['POOLKEEPER_TEST_KUBECONFIG'];
  if (given !== undefined && options === undefined) return use(given, undefined, async () => undefined);
  const directory = await mkdtemp(join(tmpdir(), 'real-api-'));
  const controlPlane = await startControlPlane({ controllers: false, ...options, directory });
  return use(controlPlane.kubeconfig, controlPlane, async () => {
    await controlPlane.stop();
    await rm(directory, { recursive: true, force: true });
  });
}

async function use(
  kubeconfig: string,
  controlPlane: ControlPlane | undefined,
  end: () => Promise<void>,
): Promise<RealApi> {
  const client = createKubeClient(await apiAccess({ file: kubeconfig }, {}), { userAgent: 'poolkeeper-test' });
  return {
    client,
    controlPlane,
    kubeconfig,
    namespace: async () => {
      const name = `test-${randomBytes(4).toString('hex')}`;
      const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      await create<KubeObject>(client, NAMESPACES, object, undefined);
      return name;
    },
    stop: async () => {
      client.close();
      await end();
    },
  };
}
