import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createConnections } from './connections.ts';
import { exchange, open, type Sending } from './exchange.ts';
import { startProtocolServer } from './testing/protocol-server.ts';

const sending: Sending = {
  method: 'GET',
  path: '/x',
  query: '',
  headers: {},
  payload: undefined,
  timeoutMs: 5_000,
  signal: undefined,
};

describe('an exchange', () => {
  it('that is closed before its answer was read closes the connection', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await startProtocolServer((_request, response) => {
      response.on('close', closed.resolve);
      response.writeHead(200);
      response.write('endless');
    });
    const connections = createConnections(server.access);
    const answer = await open(await connections.target(), sending);
    answer.close();
    await closed.promise;
    connections.close();
  });

  it('leaves nothing on a signal that outlives it', async () => {
    await using server = await startProtocolServer((_request, response) => {
      response.end('x');
    });
    const connections = createConnections(server.access);
    const { signal } = new AbortController();
    let listeners = 0;
    const counting: AbortSignal = Object.assign(Object.create(signal), {
      throwIfAborted: () => signal.throwIfAborted(),
      addEventListener: () => {
        listeners += 1;
      },
      removeEventListener: () => {
        listeners -= 1;
      },
    });
    for (let count = 0; count < 3; count += 1)
      await exchange(await connections.target(), { ...sending, signal: counting });
    assert.equal(listeners, 0);
    connections.close();
  });
});
