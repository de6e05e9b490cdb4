import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKubeClient, type KubeClient } from './client.ts';
import { endingWith } from './ending-with.ts';
import { collect } from './testing/collect.ts';
import { type ProtocolServer, sendJson, startProtocolServer } from './testing/protocol-server.ts';

/** With a server that answers nothing but `/answers`. */
async function meet(test: (client: KubeClient, server: ProtocolServer) => Promise<void>): Promise<void> {
  await using server = await startProtocolServer((request, response) => {
    if (request.path === '/answers') sendJson(response, 200, {});
  });
  const client = createKubeClient(server.access, { userAgent: 'poolkeeper/test' });
  await test(client, server).finally(() => client.close());
}

describe('a client that ends with a signal', () => {
  it("ends what is under way with the signal's reason, streams included, and sends nothing after it", () =>
    meet(async (client, server) => {
      const ending = new AbortController();
      const bound = endingWith(client, ending.signal);
      const silent = [
        assert.rejects(bound.request('GET', '/silent'), /lost the lease/),
        assert.rejects(bound.request('PATCH', '/silent', { body: {}, signal: AbortSignal.timeout(60_000) }), /lost/),
        assert.rejects(
          collect(bound.stream('/silent', { read: (line) => line, idleTimeoutMs: 60_000 })),
          /lost the lease/,
        ),
      ];
      while (server.requests.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
      ending.abort(new Error('lost the lease'));
      await Promise.all(silent);
      await assert.rejects(bound.request('PATCH', '/answers', { body: {} }), /lost the lease/);
      assert.equal(server.requests.length, 3);
    }));

  it("still ends one call by that call's own signal, and leaves the others and the connections alone", () =>
    meet(async (client) => {
      const bound = endingWith(client, new AbortController().signal);
      await assert.rejects(bound.request('GET', '/silent', { signal: AbortSignal.abort(new Error('own')) }), /own/);
      bound.close();
      assert.deepEqual(await bound.request('GET', '/answers'), {});
      assert.deepEqual(await client.request('GET', '/answers'), {});
    }));

  it('is told when a request waits aside, as is whoever asked for it', () =>
    meet(async (client) => {
      const ending = new AbortController();
      const told: string[] = [];
      const bound = endingWith(client, ending.signal, () => told.push('all'));
      await bound.request('GET', '/answers');
      assert.deepEqual(told, []);
      const aside = Promise.withResolvers<void>();
      const hanging = [
        assert.rejects(bound.request('PATCH', '/silent', { body: {} }), /enough/),
        assert.rejects(bound.request('PATCH', '/silent', { body: {}, onAside: aside.resolve }), /enough/),
      ];
      await aside.promise;
      assert.deepEqual(told, ['all', 'all']);
      ending.abort(new Error('enough'));
      await Promise.all(hanging);
    }));
});
