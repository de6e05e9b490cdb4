import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createInFlight } from './in-flight.ts';

describe('the bound on requests', () => {
  it('lets so many in, and the next when one has left, in their order', async () => {
    const inFlight = createInFlight(2);
    const entered: number[] = [];
    const leaves = [0, 1, 2, 3].map((index) =>
      inFlight.enter().then((leave) => {
        entered.push(index);
        return leave;
      }),
    );
    await turn();
    assert.deepEqual(entered, [0, 1]);
    (await leaves[1])?.();
    await turn();
    assert.deepEqual(entered, [0, 1, 2]);
    (await leaves[0])?.();
    (await leaves[2])?.();
    await turn();
    assert.deepEqual(entered, [0, 1, 2, 3]);
  });

  it('lets one go whose signal is given, and does not count it', async () => {
    const inFlight = createInFlight(1);
    const leave = await inFlight.enter();
    const ending = new AbortController();
    const given = assert.rejects(inFlight.enter(ending.signal), /enough/);
    const next = inFlight.enter();
    ending.abort(new Error('enough'));
    await given;
    leave();
    (await next)();
    await assert.rejects(inFlight.enter(ending.signal), /enough/);
    await inFlight.enter();
  });
});
