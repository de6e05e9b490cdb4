/**
 * Pods without a kubelet: each pod of a pooler gets an address of this network namespace and a status as a kubelet
 * would write it, and at that address a console answers on the files that its Secret holds. Runs in a process of its
 * own, so that its cost is not the operator's.
 */
import {
  ANNOTATION_ENTRY,
  configSecretName,
  LABEL_INSTANCE,
  LABEL_MANAGED_BY,
  LABEL_TEMPLATE,
  MANAGED_BY,
  PORT,
} from '../../../operator/api/names.ts';
import { filesIn, type SecretObject } from '../../../operator/controllers/secret-object.ts';
import { apiAccess } from '../../../operator/kube/access.ts';
import { createKubeClient, type KubeClient } from '../../../operator/kube/client.ts';
import { isNotFound } from '../../../operator/kube/errors.ts';
import { createInformer } from '../../../operator/kube/informer.ts';
import type { KubeObject } from '../../../operator/kube/objects.ts';
import { get, mergePatch } from '../../../operator/kube/operations.ts';
import { PODS, SECRETS } from '../../../operator/kube/resources.ts';
import { parseVersion } from '../../../operator/pgbouncer/version.ts';
import { CONTAINER } from '../../../operator/plan/pod-template.ts';
import type { PodObject } from '../../../operator/plan/pods.ts';
import { PROVED_FILE } from '../../../operator/plan/revision-files.ts';
import { type Recording, type SimulatedProcess, simulateProcess, type Volume } from './console.ts';
import { record } from './recording.ts';
import { serveWire } from './wire-server.ts';

type Pod = PodObject & KubeObject;

const VERSION = '1.26.1';
const REVISION = /\/([^/]+)\.ini$/;

export async function runFleet(kubeconfig: string): Promise<void> {
  const client = createKubeClient(await apiAccess({ file: kubeconfig }, {}), { userAgent: 'fleet', maxInFlight: 16 });
  const recording = await record(VERSION);
  const processes = new Map<string, SimulatedProcess>();
  const poolerAt = new Map<string, string>();
  const addresses = createAddresses();
  const pods = createInformer<Pod>(client, PODS, { labelSelector: `${LABEL_MANAGED_BY}=${MANAGED_BY}` });
  pods.onChange(({ old, new: pod }) => {
    const uid = (pod ?? old)?.metadata.uid ?? '';
    if (pod === undefined) {
      const address = addresses.release(uid);
      if (address === undefined) return;
      processes.delete(address);
      poolerAt.delete(address);
    } else if (!addresses.has(uid)) {
      const address = addresses.take(uid);
      poolerAt.set(address, pod.metadata.labels?.[LABEL_INSTANCE] ?? '');
      start(client, recording, pod, address, processes, (key) => pods.get(key)).catch((error: unknown) => {
        if (!isNotFound(error)) console.error(`${pod.metadata.name}: ${String(error)}`);
      });
    }
  });
  pods.start(new AbortController().signal);
  await pods.synced();
  let hanging: string | undefined;
  const server = serveWire((address) => {
    const simulated = processes.get(address);
    return simulated === undefined || hanging === undefined || poolerAt.get(address) !== hanging ? simulated : 'hang';
  });
  server.listen(PORT, '0.0.0.0', 4096, () => process.send?.('ready'));
  process.on('message', (message: 'reloads' | { readonly hang: string | null }) => {
    if (message === 'reloads')
      process.send?.({ reloads: [...processes.values()].reduce((sum, { reloads }) => sum + reloads, 0) });
    else hanging = message.hang ?? undefined;
  });
}

async function start(
  client: KubeClient,
  recording: Recording,
  pod: Pod,
  address: string,
  processes: Map<string, SimulatedProcess>,
  current: (key: string) => Pod | undefined,
): Promise<void> {
  const { namespace = '', name, uid = '', labels } = pod.metadata;
  const version = parseVersion(VERSION);
  if (version === undefined) throw new TypeError(VERSION);
  const secretName = configSecretName(labels?.[LABEL_INSTANCE] ?? '', labels?.[LABEL_TEMPLATE] ?? '');
  const volume = async (): Promise<Volume | undefined> => {
    const secret = await get<SecretObject>(client, SECRETS, namespace, secretName);
    const files = filesIn(secret);
    const entry = REVISION.exec(current(`${namespace}/${name}`)?.metadata.annotations?.[ANNOTATION_ENTRY] ?? '')?.[1];
    const handed = entry === undefined || `${entry}.ini` === PROVED_FILE ? undefined : entry;
    const revision = handed ?? REVISION.exec(files[PROVED_FILE] ?? '')?.[1] ?? '';
    return { revision, conffile: '/etc/pgbouncer/entry.ini', files };
  };
  const simulated = simulateProcess(recording, version, volume);
  await simulated.load();
  processes.set(address, simulated);
  const now = new Date().toISOString();
  const image = 'ghcr.io/poolkeeper/pgbouncer:1.26.1';
  const condition = (type: string) => ({ type, status: 'True', lastTransitionTime: now });
  await mergePatch(
    client,
    PODS,
    namespace,
    name,
    {
      metadata: { uid },
      status: {
        phase: 'Running',
        podIP: address,
        podIPs: [{ ip: address }],
        startTime: now,
        conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(condition),
        containerStatuses: [
          {
            name: CONTAINER,
            image,
            imageID: image,
            containerID: `simulated://${uid}`,
            ready: true,
            started: true,
            restartCount: 0,
            state: { running: { startedAt: now } },
          },
        ],
      },
    },
    { subresource: 'status' },
  );
}

interface Addresses {
  has(uid: string): boolean;
  take(uid: string): string;
  release(uid: string): string | undefined;
}

/** Addresses of 10.128.0.0/12, which this namespace takes for its own. */
function createAddresses(): Addresses {
  const taken = new Map<string, string>();
  let next = 1;
  return {
    has: (uid) => taken.has(uid),
    take: (uid) => {
      const number = next++;
      const address = `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
      taken.set(uid, address);
      return address;
    },
    release: (uid) => {
      const address = taken.get(uid);
      taken.delete(uid);
      return address;
    },
  };
}

if (import.meta.main) await runFleet(process.argv[2] ?? '');
