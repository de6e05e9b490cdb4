import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { LABEL_INSTANCE } from '../api/names.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const WORKERS = 16;
const HEALTHY = Array.from({ length: 10 }, (_, index) => `healthy-${index}`);
/** More than workers, and more than writes at one time. */
const NEW = Array.from({ length: 2 * WORKERS }, (_, index) => `new-${index}`);
const TURNS = 2;
/** More than may be changed at one time. */
const STUCK = Array.from({ length: 4 * TURNS }, (_, index) => `stuck-${index}`);

/** Everything written for these poolers is held by somebody who accepts and never answers. */
const policy = (poolers: readonly string[], port: number): string =>
  JSON.stringify({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'dead-policy' },
    webhooks: [
      {
        name: 'dead.policy.example',
        clientConfig: { url: `https://127.0.0.1:${port}/` },
        rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: ['*'] }],
        objectSelector: { matchExpressions: [{ key: LABEL_INSTANCE, operator: 'In', values: poolers }] },
        failurePolicy: 'Fail',
        timeoutSeconds: 30,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });

await inOwnNetwork(import.meta.filename, () => {
  describe('poolers beside others whose objects a webhook holds that never answers', () => {
    const held = new Set<Socket>();
    let webhook: Server;
    let stage: Stage;
    before(async () => {
      webhook = createServer((socket) => {
        held.add(socket);
        socket.on('error', () => undefined).on('close', () => held.delete(socket));
      });
      await once(webhook.listen(0, '127.0.0.1'), 'listening');
      stage = await startStage({ flags: [`--workers=${WORKERS}`, `--max-concurrent-changes=${TURNS}`] });
      await Promise.all([...HEALTHY, ...STUCK].map(async (name) => stage.proved(name, await stage.pooler(name))));
      const { port } = webhook.address() as AddressInfo;
      await stage.kubectl(['apply', '-f', '-'], policy([...NEW, ...STUCK], port));
    });
    after(async () => {
      await stage?.stop();
      for (const socket of held) socket.destroy();
      webhook?.close();
    });

    /** @returns what was in vain so far: a write is given up after 15 s */
    const givenUp = (): Promise<number> => stage.operator.metric('rest_client_requests_total', 'code="<error>"');
    const changedBeside = async (hanging: number, spec: object): Promise<string> => {
      await until(`${hanging} writes to hang`, async () => (held.size >= hanging ? true : `${held.size}`));
      const [begun, before] = [performance.now(), await givenUp()];
      await Promise.all(HEALTHY.map(async (name) => stage.proved(name, await stage.pooler(name, spec))));
      assert.equal(await givenUp(), before);
      return `all changed within ${Math.round(performance.now() - begun)} ms, beside ${held.size} writes that hang`;
    };

    it('are scaled while more of them are created than there are workers', async (test) => {
      await Promise.all(NEW.map((name) => stage.pooler(name)));
      test.diagnostic(await changedBeside(WORKERS, { replicas: 2 }));
      await Promise.all(NEW.map((name) => stage.says(name, 'Ready', 'AdmissionUnavailable')));
    });

    it('are changed while more of them are changed than may be at one time', async (test) => {
      await Promise.all(STUCK.map((name) => stage.pooler(name, { maxClientConnections: 321 })));
      test.diagnostic(await changedBeside(TURNS, { replicas: 2, maxClientConnections: 321 }));
      await Promise.all(STUCK.map((name) => stage.says(name, 'Reconciling', 'AdmissionUnavailable')));
      const { message = '' } = (await stage.condition(STUCK[0] ?? '', 'ConfigSynced')) ?? {};
      assert.match(
        message,
        /"write secrets\/stuck-0-config-\w+" waits for an admission webhook that does not answer, see R/,
      );
    });
  });
});
