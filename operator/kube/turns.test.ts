import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createTurns } from './turns.ts';

/** Work that ends when it is told to, two at one time, in time that is passed by hand. */
function observed({ mock }: TestContext) {
  mock.timers.enable({ apis: ['setTimeout'] });
  let time = 0;
  const turns = createTurns(2, () => time);
  const running = new Map<string, PromiseWithResolvers<void>>();
  const aside: string[] = [];
  const begin = (name: string, signal?: AbortSignal): Promise<void> =>
    turns(
      () => {
        const gate = Promise.withResolvers<void>();
        running.set(name, gate);
        return gate.promise.finally(() => running.delete(name));
      },
      { signal, onAside: () => aside.push(name) },
    );
  const pass = async (ms: number): Promise<void> => {
    await turn();
    time += ms;
    mock.timers.tick(ms);
    await turn();
  };
  const end = async (name: string): Promise<void> => {
    assert.ok(running.has(name), `${name} does not run`);
    running.get(name)?.resolve();
    await turn();
  };
  const fail = async (name: string): Promise<void> => {
    running.get(name)?.reject(new Error('429'));
    await turn();
  };
  /** Makes it known that answers come at once. */
  const settle = async (): Promise<void> => {
    for (let count = 0; count < 30; count += 1) {
      const quick = begin('quick');
      await pass(20);
      await end('quick');
      await quick;
    }
  };
  return { begin, end, fail, pass, settle, aside, running: () => [...running.keys()] };
}

describe('a request', () => {
  it('waits for its turn, and gives it up with its signal', async (context) => {
    const { begin, end, pass, running } = observed(context);
    const all = ['a', 'b', 'c'].map((name) => begin(name));
    const ending = new AbortController();
    const given = assert.rejects(begin('given up', ending.signal), /enough/);
    await pass(0);
    assert.deepEqual(running(), ['a', 'b']);
    ending.abort(new Error('enough'));
    await given;
    for (const name of ['b', 'a', 'c']) await end(name);
    await Promise.all(all);
  });

  it('that takes far longer than usual waits aside, and the next one has its turn', async (context) => {
    const { begin, end, pass, settle, aside, running } = observed(context);
    const unknown = begin('unknown');
    await pass(1_999);
    assert.deepEqual(aside, []);
    await end('unknown');
    await unknown;
    await settle();
    const hanging = ['hangs', 'hangs, too'].map((name) => begin(name));
    const next = begin('next');
    await pass(249);
    assert.deepEqual([running(), aside], [['hangs', 'hangs, too'], []]);
    await pass(1);
    assert.deepEqual(
      [running(), aside],
      [
        ['hangs', 'hangs, too', 'next'],
        ['hangs', 'hangs, too'],
      ],
    );
    await end('next');
    await next;
    // A turn is given on once: there are still two.
    await end('hangs');
    await end('hangs, too');
    await Promise.all(hanging);
    const later = ['c', 'd', 'e'].map((name) => begin(name));
    await pass(0);
    assert.deepEqual(running(), ['c', 'd']);
    for (const name of ['c', 'd', 'e']) await end(name);
    await Promise.all(later);
  });

  for (const usualMs of [240, 260, 900, 3_000])
    it(`that takes as long as the others keeps its turn, up to two seconds: ${usualMs} ms`, async (context) => {
      const { begin, end, pass, settle, aside } = observed(context);
      await settle();
      for (let count = 0; count < 80; count += 1) {
        const usual = begin('usual');
        await pass(usualMs);
        await end('usual');
        await usual;
      }
      const before = aside.length;
      if (usualMs < 2_000) assert.ok(before < 25, `${before} before it was known to be usual`);
      const slow = begin('slow');
      await pass(1_999);
      assert.equal(aside.length, before);
      await pass(1);
      assert.equal(aside.length, before + 1);
      await end('slow');
      await slow;
    });

  it('does not change what is usual by hanging, nor by failing at once', async (context) => {
    const { begin, end, fail, pass, settle, aside } = observed(context);
    await settle();
    for (let count = 0; count < 40; count += 1) {
      const hangs = begin('hangs');
      for (const quick of ['a', 'b']) {
        const done = begin(quick);
        await pass(20);
        await end(quick);
        await done;
      }
      const fails = assert.rejects(begin('fails'), /429/);
      await pass(0);
      await fail('fails');
      await fails;
      await pass(10_000);
      await end('hangs');
      await hangs;
    }
    aside.length = 0;
    // The last to hang is a step; those before it are undone.
    const slow = begin('slow');
    await pass(249);
    assert.deepEqual(aside, []);
    await pass(26);
    assert.deepEqual(aside, ['slow']);
    await end('slow');
    await slow;
  });

  it('keeps its turn while too many wait aside already', async (context) => {
    const { begin, end, pass, settle, aside, running } = observed(context);
    await settle();
    const names = Array.from({ length: 68 }, (_, index) => String(index));
    const all = names.map((name) => begin(name));
    for (let count = 0; count < 40; count += 1) await pass(250);
    assert.equal(aside.length, 64);
    assert.equal(running().length, 66);
    await end('0');
    await pass(2_000);
    assert.equal(aside.length, 65);
    assert.equal(running().length, 66);
    for (const name of names.slice(1)) await end(name);
    await Promise.all(all);
  });
});
