import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { LABEL_INSTANCE } from '../api/names.ts';
import type { KubeObject } from '../kube/objects.ts';
import { issue } from '../plan/testing/issue.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const WORKERS = 16;
const HEALTHY = Array.from({ length: 10 }, (_, index) => `healthy-${index}`);
/** More than workers, and more than writes at one time. */
const NEW = Array.from({ length: 2 * WORKERS }, (_, index) => `new-${index}`);
const TURNS = 2;
/** More than may be changed at one time. */
const STUCK = Array.from({ length: 4 * TURNS }, (_, index) => `stuck-${index}`);
/** The server asks a webhook for longer than the operator waits for an answer. */
const [SILENT, CHANGED] = ['silent', 'changed'];

const authority = issue({ commonName: 'webhooks', use: 'authority' });
const { certificate: cert, key } = issue({
  commonName: 'policy',
  names: ['127.0.0.1'],
  issuer: authority,
  use: 'server',
});

/** Everything that is written for these poolers is held by a webhook that takes the question and never answers. */
const policy = (name: string, poolers: readonly string[], timeoutSeconds: number, port: number): string =>
  JSON.stringify({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: `${name}.policy.example`,
        clientConfig: {
          url: `https://127.0.0.1:${port}/`,
          caBundle: Buffer.from(authority.certificate).toString('base64'),
        },
        rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: ['*'] }],
        objectSelector: { matchExpressions: [{ key: LABEL_INSTANCE, operator: 'In', values: poolers }] },
        failurePolicy: 'Fail',
        timeoutSeconds,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });

await inOwnNetwork(import.meta.filename, () => {
  describe('poolers beside others whose objects a webhook holds that never answers', () => {
    /** The questions that wait for an answer, and the pooler of each. */
    const held = new Map<IncomingMessage, string>();
    let givenUp = 0;
    let webhook: Server;
    let stage: Stage;
    const hold = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      response.on('close', () => {
        held.delete(request);
        givenUp += 1;
      });
      const { request: question } = JSON.parse(await text(request)) as {
        readonly request: { readonly object: KubeObject };
      };
      held.set(request, question.object.metadata.labels?.[LABEL_INSTANCE] ?? '');
    };
    before(async () => {
      webhook = createServer({ cert, key }, (request, response) => {
        hold(request, response).catch(() => undefined);
      });
      await once(webhook.listen(0, '127.0.0.1'), 'listening');
      const { port } = webhook.address() as AddressInfo;
      stage = await startStage({ flags: [`--workers=${WORKERS}`, `--max-concurrent-changes=${TURNS}`] });
      await Promise.all(
        [...HEALTHY, ...STUCK, CHANGED].map(async (name) => stage.proved(name, await stage.pooler(name))),
      );
      // Just below what the operator waits for an answer: so the server has the time to say who did not give one.
      await stage.kubectl(['apply', '-f', '-'], policy('dead', [...NEW, ...STUCK], 14, port));
      await stage.kubectl(['apply', '-f', '-'], policy('slow', [SILENT, CHANGED], 30, port));
    });
    after(async () => {
      await stage?.stop();
      webhook?.closeAllConnections();
      webhook?.close();
    });

    const holds = (names: readonly string[], count: number): Promise<void> =>
      until(`${count} writes to hang`, async () => {
        const hanging = new Set(held.values());
        const found = names.filter((name) => hanging.has(name)).length;
        return found >= count ? true : `${found}`;
      });
    /** All of the healthy ones, before any of those that hang was given up. */
    const changeHealthy = async (spec: object): Promise<string> => {
      const [begun, before] = [performance.now(), givenUp];
      await Promise.all(HEALTHY.map(async (name) => stage.proved(name, await stage.pooler(name, spec))));
      assert.equal(givenUp, before);
      return `all changed within ${Math.round(performance.now() - begun)} ms, beside ${held.size} writes that hang`;
    };

    it('are scaled while more of them are created than there are workers', async (test) => {
      test.diagnostic(await changeHealthy({ replicas: 2 }));
      await Promise.all(NEW.map((name) => stage.pooler(name)));
      await holds(NEW, WORKERS);
      test.diagnostic(await changeHealthy({ replicas: 3 }));
      await Promise.all(NEW.map((name) => stage.says(name, 'Ready', 'AdmissionUnavailable')));
      await stage.kubectl(['delete', 'connectionpoolers', ...NEW]);
      await until('nothing to hang', async () => (held.size === 0 ? true : `${held.size}`));
    });

    it('are changed while more of them are changed than may be at one time', async (test) => {
      test.diagnostic(await changeHealthy({ replicas: 3, maxClientConnections: 320 }));
      await Promise.all(STUCK.map((name) => stage.pooler(name, { maxClientConnections: 321 })));
      await holds(STUCK, TURNS);
      test.diagnostic(await changeHealthy({ replicas: 3, maxClientConnections: 321 }));
      await Promise.all(STUCK.map((name) => stage.says(name, 'Reconciling', 'AdmissionUnavailable')));
      const { message = '' } = (await stage.condition(STUCK[0] ?? '', 'ConfigSynced')) ?? {};
      assert.match(
        message,
        /"write secrets\/stuck-0-config-\w+" waits for an admission webhook that does not answer, see R/,
      );
    });

    it('are told apart from those whose writes nobody ever answers', async () => {
      await stage.pooler(SILENT);
      const generation = await stage.pooler(CHANGED, { maxClientConnections: 321 });
      for (const [name, secret] of [
        [SILENT, `${SILENT}-admin`],
        [CHANGED, `${CHANGED}-config-\\w+`],
      ] as const) {
        await stage.says(name, 'Reconciling', 'RequestTimeout');
        const { message = '' } = (await stage.condition(name, 'Reconciling')) ?? {};
        assert.match(
          message,
          new RegExp(`^"write secrets/${secret}" was not answered: .* no answer within 15 s; see wh`),
        );
      }
      await stage.kubectl(['delete', 'validatingwebhookconfiguration', 'slow']);
      await stage.proved(SILENT, (await stage.read(SILENT)).metadata.generation ?? 0);
      await stage.proved(CHANGED, generation);
    });
  });
});
