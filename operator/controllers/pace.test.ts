import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createPace } from './pace.ts';

/** Changes that end when they are told to, and what of them runs. */
function observed(limit: number) {
  const pace = createPace(limit);
  const running = new Map<string, PromiseWithResolvers<void>>();
  const order: string[] = [];
  return {
    order,
    running: () => [...running.keys()],
    begin: (name: string): Promise<string> =>
      pace(async () => {
        order.push(name);
        const gate = Promise.withResolvers<void>();
        running.set(name, gate);
        try {
          await gate.promise;
        } finally {
          running.delete(name);
        }
        return name;
      }),
    end: async (name: string, error?: Error): Promise<void> => {
      const gate = running.get(name);
      assert.ok(gate, `${name} does not run`);
      if (error) gate.reject(error);
      else gate.resolve();
      await turn();
    },
  };
}

test('as many changes run as are allowed, and the others wait their turn', async () => {
  const { begin, end, running, order } = observed(2);
  const all = ['a', 'b', 'c', 'd'].map(begin);
  await turn();
  assert.deepEqual(running(), ['a', 'b']);
  await end('b');
  assert.deepEqual(running(), ['a', 'c']);
  await end('a');
  await end('c');
  await end('d');
  assert.deepEqual(await Promise.all(all), ['a', 'b', 'c', 'd']);
  assert.deepEqual(order, ['a', 'b', 'c', 'd']);
});

test('a change that fails gives its place to the next, and tells its caller', async () => {
  const { begin, end, running } = observed(1);
  const failing = assert.rejects(begin('a'), /broken/);
  const waiting = begin('b');
  await turn();
  await end('a', new Error('broken'));
  await failing;
  assert.deepEqual(running(), ['b']);
  await end('b');
  assert.equal(await waiting, 'b');
});

test('nobody slips in between who ends and who has waited longest', async () => {
  const { begin, end, running, order } = observed(1);
  const first = begin('first');
  const waiting = begin('waiting');
  await turn();
  const ended = end('first');
  const late = begin('late');
  await ended;
  assert.deepEqual(running(), ['waiting']);
  await end('waiting');
  await end('late');
  await Promise.all([first, waiting, late]);
  assert.deepEqual(order, ['first', 'waiting', 'late']);
});

test('places that were given back are free again', async () => {
  const { begin, end, running } = observed(2);
  for (let round = 0; round < 3; round += 1) {
    const pair = [begin('a'), begin('b')];
    await turn();
    assert.deepEqual(running(), ['a', 'b']);
    await end('a');
    await end('b');
    await Promise.all(pair);
  }
});

test('a change whose reconcile is told to end while it waits does not happen, and takes no turn', async () => {
  const pace = createPace(1);
  const gate = Promise.withResolvers<string>();
  const ending = new AbortController();
  const first = pace(() => gate.promise);
  let happened = false;
  const told = assert.rejects(
    pace(async () => {
      happened = true;
    }, ending.signal),
    /the reconcile ends/,
  );
  const last = pace(async () => 'last');
  ending.abort(new Error('the reconcile ends'));
  await told;
  gate.resolve('first');
  assert.deepEqual(await Promise.all([first, last]), ['first', 'last']);
  assert.equal(happened, false);
});

test("a turn that is given on is the next one's, and comes back before it is kept", async () => {
  const pace = createPace(1);
  const order: string[] = [];
  const [waits, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = pace(async (its) => {
    its.giveOn();
    its.giveOn();
    await waits.promise;
    order.push('wants it back');
    await its.keep();
    order.push('has it back');
    // It reloads now: whatever it waits for, nobody else does.
    its.giveOn();
    await turn();
    await turn();
    order.push('first');
  });
  const second = pace(async () => {
    await other.promise;
    order.push('second');
  });
  const third = pace(async () => order.push('third'));
  waits.resolve();
  await turn();
  assert.deepEqual(order, ['wants it back']);
  other.resolve();
  await Promise.all([first, second, third]);
  assert.deepEqual(order, ['wants it back', 'second', 'has it back', 'first', 'third']);
  assert.equal(await pace(async () => 'there is still one'), 'there is still one');
});

test('a turn that was given on is not asked for by who has ended, or was told to', async () => {
  const pace = createPace(1);
  await pace(async (its) => its.giveOn());
  const ending = new AbortController();
  const gate = Promise.withResolvers<void>();
  const told = assert.rejects(
    pace(async (its) => {
      its.giveOn();
      const second = pace(() => gate.promise);
      await turn();
      ending.abort(new Error('over'));
      await its.keep().finally(() => {
        gate.resolve();
        return second;
      });
    }, ending.signal),
    /over/,
  );
  await told;
  assert.equal(await pace(async () => 'free'), 'free');
});
