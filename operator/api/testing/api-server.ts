/**
 * A real API server with the CRD installed, for tests: what it says to an object, and nothing is stored.
 */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ControlPlane } from '../../../e2e/cluster/control-plane.ts';
import { isRecord, type JsonObject } from './json.ts';

export interface Verdict {
  readonly accepted: boolean;
  /** What the API server would store; the Status when it refuses. */
  readonly answer: JsonObject;
}

/** `create` as a dry run: every check is made. Unknown fields are refused, as kubectl asks for. */
export interface ApiServer {
  readonly judge: (pooler: JsonObject) => Promise<Verdict>;
  readonly close: () => void;
}

export async function judgesOf({ url, certificates }: ControlPlane): Promise<ApiServer> {
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'admin.crt', 'admin.key'].map((file) => readFile(join(certificates, file))),
  );
  const agent = new Agent({ ca, cert, key, keepAlive: true, maxSockets: 4 });
  const target = `${url}/apis/poolkeeper.dev/v1alpha1/namespaces/default/connectionpoolers?dryRun=All&fieldValidation=Strict`;
  return {
    judge: async (pooler) => {
      const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
      const call = request(target, { method: 'POST', agent, headers: { 'content-type': 'application/json' } });
      call.once('error', reject);
      call.once('response', async (response) => {
        try {
          const answer: unknown = JSON.parse(await text(response));
          resolve({ accepted: response.statusCode === 201, answer: isRecord(answer) ? answer : {} });
        } catch (error) {
          reject(error);
        }
      });
      call.end(JSON.stringify(pooler));
      return promise;
    },
    close: () => agent.destroy(),
  };
}
