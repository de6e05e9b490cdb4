import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createKubeClient, type KubeClient } from './client.ts';
import { NotLeading } from './lease.ts';
import { fenced } from './lease-fence.ts';

/** Answers as the test says, and counts. */
let answer: (response: ServerResponse) => void;
let requests: string[];
let client: KubeClient;
const server = createServer((request, response) => {
  requests.push(`${request.method} ${request.url}`);
  answer(response);
});
const json = (response: ServerResponse, status: number, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end('{}');
};

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  client = createKubeClient(
    { server: `http://127.0.0.1:${port}`, requestOptions: async () => ({}) },
    { userAgent: 'test', maxInFlight: 1 },
  );
});
after(() => {
  client.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = [];
  answer = (response) => json(response, 200);
});

/** A leadership that the test can take away: `sure` is what the clock says, `lose` what was found out. */
function leadership() {
  const losing = new AbortController();
  let sure = true;
  return {
    signal: losing.signal,
    assertMayWrite: () => {
      if (!sure) throw new NotLeading('not sure');
    },
    unsure: () => {
      sure = false;
    },
    lose: () => losing.abort(new NotLeading('lost')),
  };
}

describe('a client that writes only with the leadership', () => {
  it('lets writes through while it is there', async () => {
    await fenced(client, leadership()).request('PATCH', '/a', { body: {} });
    assert.deepEqual(requests, ['PATCH /a']);
  });

  it('sends no write without it, and reads all the same', async () => {
    const lost = leadership();
    lost.unsure();
    await assert.rejects(fenced(client, lost).request('PATCH', '/a', { body: {} }), NotLeading);
    await fenced(client, lost).request('GET', '/b');
    assert.deepEqual(requests, ['GET /b']);
  });

  it('does not try again when it went between two attempts', async () => {
    const lost = leadership();
    answer = (response) => {
      lost.unsure();
      json(response, 429, { 'retry-after': '1' });
    };
    await assert.rejects(fenced(client, lost).request('PATCH', '/a', { body: {} }), NotLeading);
    assert.deepEqual(requests, ['PATCH /a']);
  });

  it('sends nothing when it went while a write waited for its turn', async () => {
    const lost = leadership();
    const writing = fenced(client, lost);
    let finish: () => void = () => undefined;
    answer = (response) => {
      finish = () => json(response, 200);
    };
    const before = client.request('PATCH', '/long', { body: {} });
    while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const written = writing.request('PATCH', '/a', { body: {} });
    lost.unsure();
    finish();
    await before;
    await assert.rejects(written, NotLeading);
    assert.deepEqual(requests, ['PATCH /long']);
  });

  it('breaks off what is on its way when it is lost: the server sees the connection end', async () => {
    const lost = leadership();
    const hungUp = Promise.withResolvers<void>();
    answer = (response) => {
      response.once('close', () => hungUp.resolve());
      lost.lose();
    };
    await assert.rejects(fenced(client, lost).request('PATCH', '/a', { body: {} }), NotLeading);
    await hungUp.promise;
  });

  it('ends with the reason of the caller, too', async () => {
    const mine = new AbortController();
    answer = () => mine.abort(new Error('superseded'));
    await assert.rejects(
      fenced(client, leadership()).request('PATCH', '/a', { body: {}, signal: mine.signal }),
      /superseded/,
    );
  });
});
