import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPatience } from './patience.ts';

const silent = async () => ({ silent: true, result: 'silent' });
const answering = async () => ({ silent: false, result: 'proved' });

/** Work that is silent, and ends when it is told to. */
function hanging() {
  const { promise, resolve } = Promise.withResolvers<{ readonly silent: boolean; readonly result: string }>();
  return { work: () => promise, end: () => resolve({ silent: true, result: 'silent' }) };
}

describe('patience with silent consoles', () => {
  it('lets every pooler try that is not known to be silent, however many hang', async () => {
    const patience = createPatience(1);
    const stuck = Array.from({ length: 10 }, hanging);
    const attempts = stuck.map(({ work }, index) => patience.attempt(`ns/${index}`, false, work));
    assert.equal(await patience.attempt('ns/other', false, answering), 'proved');
    for (const { end } of stuck) end();
    await Promise.all(attempts);
  });

  it('has few places for those that were silent the last time; the others come back later', async () => {
    const patience = createPatience(1);
    for (const key of ['ns/a', 'ns/b']) await patience.attempt(key, false, silent);
    const { work, end } = hanging();
    const first = patience.attempt('ns/a', false, work);
    assert.equal(await patience.attempt('ns/b', false, answering), undefined);
    assert.equal(await patience.attempt('ns/healthy', false, answering), 'proved');
    end();
    assert.equal(await first, 'silent');
    assert.equal(await patience.attempt('ns/b', false, answering), 'proved');
  });

  it('believes whoever saw the silence elsewhere', async () => {
    const patience = createPatience(1);
    const { work, end } = hanging();
    const first = patience.attempt('ns/a', true, work);
    assert.equal(await patience.attempt('ns/b', true, answering), undefined);
    end();
    await first;
  });

  it('gives the place back when the work throws', async () => {
    const patience = createPatience(1);
    await assert.rejects(patience.attempt('ns/a', true, () => Promise.reject(new Error('the API server is away'))));
    assert.equal(await patience.attempt('ns/b', true, answering), 'proved');
  });

  it('forgets the silence of a pooler that answered', async () => {
    const patience = createPatience(1);
    await patience.attempt('ns/a', false, silent);
    await patience.attempt('ns/a', false, answering);
    const { work, end } = hanging();
    const other = patience.attempt('ns/b', true, work);
    assert.equal(await patience.attempt('ns/a', false, answering), 'proved');
    end();
    await other;
  });
});
