import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientOptions, createKubeClient, type KubeClient, type ObservedCall } from './client.ts';
import { ApiError, ConnectionError, isConflict, ProtocolError, RequestTimeout } from './errors.ts';
import { collect } from './testing/collect.ts';
import {
  type ProtocolServer,
  type Responder,
  sendJson,
  sendStatus,
  startProtocolServer,
} from './testing/protocol-server.ts';

/** Runs a test with a client of a server that answers so. */
async function meet(
  respond: Responder,
  test: (client: KubeClient, server: ProtocolServer, calls: readonly ObservedCall[]) => Promise<void>,
  options: Partial<ClientOptions> = {},
): Promise<void> {
  await using server = await startProtocolServer(respond);
  const calls: ObservedCall[] = [];
  const client = createKubeClient(server.access, {
    userAgent: 'poolkeeper/test',
    observe: (call) => calls.push(call),
    ...options,
  });
  try {
    await test(client, server, calls);
  } finally {
    client.close();
  }
}

/** Answers the n-th request by the n-th responder, and all later ones by the last. */
const inTurn = (...responders: readonly ((response: ServerResponse) => void)[]): Responder => {
  let count = 0;
  return (_request, response) => {
    responders[Math.min(count, responders.length - 1)]?.(response);
    count += 1;
  };
};
const ok = (response: ServerResponse): void => sendJson(response, 200, { ok: true });
const busy = (status: number) => (response: ServerResponse) =>
  sendStatus(response, status, 'TooManyRequests', 'later', { 'retry-after': '0.01' });
const hangUp = (response: ServerResponse): void => {
  response.socket?.destroy();
};

describe('a request', () => {
  it('sends JSON with its type, and gives back JSON', () =>
    meet(
      (request, response) => sendJson(response, 200, { got: JSON.parse(request.body), query: [...request.query] }),
      async (client, server) => {
        const query = { fieldManager: 'a b&c', force: undefined };
        const body = { name: 'ä' };
        const answer = await client.request('PATCH', '/x', {
          body,
          contentType: 'application/merge-patch+json',
          query,
        });
        assert.deepEqual(answer, { got: { name: 'ä' }, query: [['fieldManager', 'a b&c']] });
        const { headers } = server.requests[0] ?? {};
        assert.equal(headers?.['content-type'], 'application/merge-patch+json');
        assert.equal(headers?.['user-agent'], 'poolkeeper/test');
      },
    ));

  it('gives back text when the answer is not JSON', () =>
    meet(
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' });
        response.end('a log line\n');
      },
      async (client) => assert.equal(await client.request('GET', '/log', { accept: 'text/plain' }), 'a log line\n'),
    ));

  it('uses one connection for many that follow each other', () =>
    meet(inTurn(ok), async (client, server) => {
      for (let count = 0; count < 50; count += 1) await client.request('GET', '/x');
      assert.equal(server.requests.length, 50);
      assert.equal(server.connections.length, 1);
    }));

  it('uses as many connections as there are requests at one time, within the bound', () =>
    meet(
      async (_request, response) => {
        await sleep(20);
        ok(response);
      },
      async (client, server) => {
        await Promise.all(Array.from({ length: 20 }, () => client.request('GET', '/x')));
        assert.equal(server.connections.length, 4);
      },
      { maxInFlight: 4 },
    ));

  it('that writes does not wait for those that read', () =>
    meet(
      (request, response) => {
        if (request.path !== '/log') ok(response);
      },
      async (client) => {
        const ending = new AbortController();
        const log = client.request('GET', '/log', { signal: ending.signal });
        assert.deepEqual(await client.request('PATCH', '/x', { body: {} }), { ok: true });
        ending.abort(new Error('enough'));
        await assert.rejects(log, /enough/);
      },
      { maxInFlight: 1 },
    ));

  it('that waits for long gives its place on', () =>
    meet(
      (request, response) => {
        if (request.path !== '/hangs') ok(response);
      },
      async (client) => {
        const ending = new AbortController();
        const hanging = client.request('PATCH', '/hangs', { body: {}, signal: ending.signal });
        assert.deepEqual(await client.request('PATCH', '/x', { body: {} }), { ok: true });
        assert.deepEqual(await client.request('PATCH', '/y', { body: {} }), { ok: true });
        ending.abort(new Error('enough'));
        await assert.rejects(hanging, /enough/);
        // Its place is given back once, not twice: there is still one.
        const again = client.request('PATCH', '/hangs', { body: {}, timeoutMs: 150 });
        const after = client.request('PATCH', '/x', { body: {} });
        await assert.rejects(Promise.race([after, again]), RequestTimeout);
        await after;
      },
      { maxInFlight: 1 },
    ));

  it('that is urgent does not wait for the others, and is tried once', () =>
    meet(
      (request, response) => {
        if (request.path === '/urgent') busy(429)(response);
      },
      async (client, server) => {
        const stuck = assert.rejects(client.request('GET', '/stuck', { timeoutMs: 500 }), RequestTimeout);
        await assert.rejects(client.request('GET', '/urgent', { urgent: true }), ApiError);
        await stuck;
        assert.deepEqual(server.requests.map(({ path }) => path).sort(), ['/stuck', '/urgent']);
      },
      { maxInFlight: 1 },
    ));

  it('is sent again as often as the server asks for it, when it says when', () =>
    meet(inTurn(busy(429), busy(429), busy(503), ok), async (client, server, calls) => {
      assert.deepEqual(await client.request('PATCH', '/x', { body: {} }), { ok: true });
      assert.equal(server.requests.length, 4);
      assert.deepEqual(
        calls.map(({ code }) => code),
        ['429', '429', '503', '200'],
      );
    }));

  it('that the server puts off for long holds up no other', () =>
    meet(
      (request, response) => {
        if (request.path === '/put-off') sendStatus(response, 429, 'TooManyRequests', 'later', { 'retry-after': '30' });
        else ok(response);
      },
      async (client) => {
        const ending = new AbortController();
        const putOff = client.request('GET', '/put-off', { signal: ending.signal });
        assert.deepEqual(await client.request('GET', '/x', { signal: AbortSignal.timeout(20_000) }), { ok: true });
        ending.abort(new Error('enough'));
        await assert.rejects(putOff, /enough/);
      },
      { maxInFlight: 1 },
    ));

  it('is sent again over a new connection when the answer was lost and doing it twice does no harm', () =>
    meet(inTurn(hangUp, hangUp, ok), async (client, server, calls) => {
      assert.deepEqual(await client.request('PATCH', '/x', { body: {} }), { ok: true });
      assert.equal(server.connections.length, 3);
      assert.deepEqual(
        calls.map(({ code }) => code),
        ['<error>', '<error>', '200'],
      );
    }));

  it('that creates something is not sent again when the answer was lost', () =>
    meet(inTurn(hangUp, ok), async (client, server) => {
      await assert.rejects(client.request('POST', '/x', { body: { planted: 'secret' } }), (error) => {
        assert.ok(error instanceof ConnectionError);
        assert.doesNotMatch(error.message, /planted|secret/);
        return true;
      });
      assert.equal(server.requests.length, 1);
    }));

  it('ends at its deadline when the server is silent, and leaves no connection behind', () =>
    meet(
      () => undefined,
      async (client, server) => {
        const started = performance.now();
        await assert.rejects(client.request('GET', '/x', { timeoutMs: 50 }), RequestTimeout);
        assert.ok(performance.now() - started < 5_000);
        assert.equal(server.requests.length, 1);
      },
    ));

  it('ends at its deadline when the answer begins and does not end', () =>
    meet(
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"half":');
      },
      async (client) => assert.rejects(client.request('GET', '/x', { timeoutMs: 50 }), RequestTimeout),
    ));

  it('drops the connections that wait once one of them turned out to be dead', () => {
    let dead = false;
    return meet(
      async (_request, response) => {
        if (dead) return;
        await sleep(20);
        ok(response);
      },
      async (client, server) => {
        await Promise.all([1, 2, 3].map(() => client.request('GET', '/x')));
        dead = true;
        await assert.rejects(client.request('GET', '/x', { timeoutMs: 50 }), RequestTimeout);
        dead = false;
        await client.request('GET', '/x');
        assert.equal(server.connections.length, 4);
      },
    );
  });

  it('ends with the reason of its signal, also while it waits to be sent again', () =>
    meet(
      inTurn((response) => sendStatus(response, 429, 'TooManyRequests', 'later', { 'retry-after': '30' })),
      async (client) => {
        const ending = new AbortController();
        const ended = assert.rejects(client.request('GET', '/x', { signal: ending.signal }), /enough/);
        await sleep(50);
        ending.abort(new Error('enough'));
        await ended;
        await assert.rejects(client.request('GET', '/x', { signal: ending.signal }), /enough/);
      },
    ));

  it('is refused with what the server says', () =>
    meet(
      (_request, response) => sendStatus(response, 409, 'Conflict', 'changed meanwhile'),
      async (client, server) => {
        await assert.rejects(client.request('PUT', '/x', { body: {} }), isConflict);
        assert.equal(server.requests.length, 1);
      },
    ));

  for (const [what, respond] of [
    ['is no JSON though it says so', (response: ServerResponse) => response.end('{"half":')],
    ['is cut off', (response: ServerResponse) => response.write('{', () => response.destroy())],
  ] as const) {
    it(`whose answer ${what} fails`, () =>
      meet(
        (_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': '8' });
          respond(response);
        },
        async (client) => {
          await assert.rejects(client.request('POST', '/x', { body: {} }), (error) => {
            assert.ok(error instanceof ProtocolError || error instanceof ConnectionError);
            return true;
          });
        },
      ));
  }

  it('to a server that is not there was never sent, and is tried again', async () => {
    const server = await startProtocolServer(() => undefined);
    await server[Symbol.asyncDispose]();
    const calls: ObservedCall[] = [];
    const client = createKubeClient(server.access, { userAgent: 'x', observe: (call) => calls.push(call) });
    await assert.rejects(client.request('POST', '/x', { body: {} }), (error) => {
      assert.ok(error instanceof ConnectionError);
      assert.equal(error.unsent, true);
      assert.match(error.message, /ECONNREFUSED/);
      return true;
    });
    assert.equal(calls.length, 3);
  });

  it('logs in anew, once, when the token is refused', async () => {
    const tokens = ['ended', 'fresh'];
    let logins = 0;
    await using server = await startProtocolServer(
      (request, response) => {
        if (request.headers.authorization === 'Bearer fresh') ok(response);
        else sendStatus(response, 401, 'Unauthorized', 'no');
      },
      {
        requestOptions: async () => ({ headers: { authorization: `Bearer ${tokens[Math.min(logins++, 1)]}` } }),
      },
    );
    const client = createKubeClient(server.access, { userAgent: 'x' });
    for (let count = 0; count < 3; count += 1) assert.deepEqual(await client.request('GET', '/x'), { ok: true });
    assert.equal(logins, 2);
    assert.equal(server.connections.length, 1);
    client.close();
  });
});

describe('a stream', () => {
  const stream = (client: KubeClient, idleTimeoutMs = 5_000, signal?: AbortSignal) =>
    client.stream('/watch', { read: (line) => line, idleTimeoutMs, ...(signal ? { signal } : {}) });

  it('gives lines while they come, and ends when the server ends it', () =>
    meet(
      async (_request, response) => {
        response.writeHead(200);
        response.write('one\ntw');
        await sleep(10);
        response.end('o\nthree');
      },
      async (client) => assert.deepEqual(await collect(stream(client)), ['one', 'two', 'three']),
    ));

  it('does not count among the requests, nor wait for them', () =>
    meet(
      (request, response) => {
        response.writeHead(200);
        response.write('line\n');
        if (request.path !== '/watch') response.end();
      },
      async (client) => {
        const open = [1, 2, 3].map(() => stream(client)[Symbol.asyncIterator]());
        for (const lines of open) assert.equal((await lines.next()).value, 'line');
        assert.equal(await client.request('GET', '/x'), 'line\n');
        for (const lines of open) await lines.return?.();
      },
      { maxInFlight: 1 },
    ));

  it('is taken for dead when it says nothing for too long', () =>
    meet(
      (_request, response) => {
        response.writeHead(200);
        response.write('one\n');
      },
      async (client) => {
        const lines = stream(client, 300)[Symbol.asyncIterator]();
        assert.equal((await lines.next()).value, 'one');
        await assert.rejects(lines.next(), RequestTimeout);
      },
    ));

  it('that was dead takes with it the connections that wait for use, which died on the same way', () =>
    meet(
      async (request, response) => {
        await sleep(20);
        response.writeHead(200);
        if (request.path === '/watch') response.write('one\n');
        else response.end();
      },
      async (client, server) => {
        await Promise.all([1, 2, 3].map(() => client.request('GET', '/x')));
        assert.equal(server.connections.length, 3);
        await assert.rejects(collect(stream(client, 300)), RequestTimeout);
        await client.request('GET', '/x');
        assert.equal(server.connections.length, 4, 'none of those from before is believed in');
      },
    ));

  it('lives as long as something comes, however slowly', () =>
    meet(
      async (_request, response) => {
        response.writeHead(200);
        for (const piece of ['a', 'b', 'c', 'd', '\n']) {
          response.write(piece);
          await sleep(400);
        }
        response.end();
      },
      async (client) => assert.deepEqual(await collect(stream(client, 1_500)), ['abcd']),
    ));

  it('fails when it breaks off', () =>
    meet(
      (_request, response) => {
        response.writeHead(200);
        response.write('one\ntw', () => response.destroy());
      },
      async (client) => assert.rejects(collect(stream(client)), ConnectionError),
    ));

  it('is refused with what the server says', () =>
    meet(
      (_request, response) => sendStatus(response, 410, 'Gone', 'too old'),
      async (client, _server, calls) => {
        await assert.rejects(collect(stream(client)), /410 Gone: too old/);
        assert.deepEqual(
          calls.map(({ verb, code }) => [verb, code]),
          [['WATCH', '410']],
        );
      },
    ));

  it('ends with the reason of its signal', () =>
    meet(
      (_request, response) => {
        response.writeHead(200);
        response.write('one\n');
      },
      async (client) => {
        const ending = new AbortController();
        const lines = stream(client, 5_000, ending.signal)[Symbol.asyncIterator]();
        await lines.next();
        const ended = assert.rejects(lines.next(), /enough/);
        ending.abort(new Error('enough'));
        await ended;
      },
    ));

  it('closes its connection when its reader leaves', () => {
    const closed = Promise.withResolvers<void>();
    return meet(
      (_request, response) => {
        response.writeHead(200);
        response.write('one\n');
        response.on('close', closed.resolve);
      },
      async (client) => {
        for await (const _line of stream(client)) break;
        await closed.promise;
      },
    );
  });
});
