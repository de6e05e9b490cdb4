/** A real API server for contract tests: a control plane of its own on loopback, or the one of POOLKEEPER_TEST_KUBECONFIG. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '../../../e2e/cluster/control-plane.ts';
import type { ControlPlaneOptions } from '../../../e2e/cluster/control-plane-arguments.ts';
import { apiAccess } from '../access.ts';
import { type ClientOptions, createKubeClient, type KubeClient } from '../client.ts';
import type { KubeObject } from '../objects.ts';
import { create } from '../operations.ts';
import { NAMESPACES } from '../resources.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

export interface RealApi {
  readonly client: KubeClient;
  /** Undefined when somebody else's API server is used. */
  readonly controlPlane: ControlPlane | undefined;
  readonly kubeconfig: string;
  /** A new namespace with a random name. */
  namespace(): Promise<string>;
  /** A client whose connections go through a proxy. */
  through(proxy: { readonly port: number }, options?: Partial<ClientOptions>): Promise<KubeClient>;
  /** A proxy to the API server. */
  proxy(): Promise<TcpProxy>;
  /** One that spoils answers, and a client that goes through it. */
  spoiled(options?: Partial<ClientOptions>): Promise<Spoiled>;
  stop(): Promise<void>;
}

export interface Spoiled extends AsyncDisposable {
  readonly client: KubeClient;
  readonly proxy: FaultProxy;
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
  const access = await apiAccess({ file: kubeconfig }, {});
  const client = createKubeClient(access, { userAgent: 'poolkeeper-test' });
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
    through: async ({ port }, options) =>
      createKubeClient(
        { ...access, server: `https://127.0.0.1:${port}` },
        { userAgent: 'poolkeeper-test', ...options },
      ),
    proxy: () => {
      const { hostname, port } = new URL(access.server);
      return startTcpProxy({ host: hostname, port: Number(port) });
    },
    spoiled: async (options) => {
      const proxy = await startFaultProxy(access);
      const spoiledClient = createKubeClient(proxy.access, { userAgent: 'poolkeeper-test', ...options });
      return {
        client: spoiledClient,
        proxy,
        [Symbol.asyncDispose]: async () => {
          spoiledClient.close();
          await proxy[Symbol.asyncDispose]();
        },
      };
    },
    stop: async () => {
      client.close();
      await end();
    },
  };
}
