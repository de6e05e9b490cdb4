import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createPlaces } from './places.ts';

describe('places', () => {
  it('lets so many in, and the next when one has left, in their order', async () => {
    const places = createPlaces(2);
    const entered: number[] = [];
    const leaves = [0, 1, 2, 3].map((index) =>
      places.enter().then((leave) => {
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

  it('takes a place back once, however often it is given', async () => {
    const places = createPlaces(1);
    const leave = await places.enter();
    leave();
    leave();
    await places.enter();
    let isIn = false;
    places.enter().then(() => {
      isIn = true;
    });
    await turn();
    assert.equal(isIn, false);
  });

  it('lets one go whose signal is given, and does not count it', async () => {
    const places = createPlaces(1);
    const leave = await places.enter();
    const ending = new AbortController();
    const given = assert.rejects(places.enter(ending.signal), /enough/);
    const next = places.enter();
    ending.abort(new Error('enough'));
    await given;
    leave();
    (await next)();
    await assert.rejects(places.enter(ending.signal), /enough/);
    await places.enter();
  });
});
