import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { ProtocolError } from './errors.ts';
import { linesOf } from './lines.ts';
import { collect } from './testing/collect.ts';

async function* pieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let from = 0;
  for (const size of sizes) {
    yield bytes.subarray(from, from + size);
    from += size;
  }
  yield bytes.subarray(from);
}

describe('lines', () => {
  it('are the same however the bytes arrive', async () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replaceAll('\n', ' '));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(9)), fc.boolean(), async (lines, sizes, ended) => {
        const bytes = Buffer.from(lines.join('\n') + (ended ? '\n' : ''));
        const read = await collect(linesOf(pieces(bytes, sizes)));
        assert.deepEqual(
          read,
          lines.filter((text) => text !== ''),
        );
      }),
    );
  });

  it('come as soon as they are complete', async () => {
    const source = Promise.withResolvers<Buffer>();
    const lines = linesOf(
      (async function* () {
        yield Buffer.from('one\ntw');
        yield await source.promise;
      })(),
    );
    assert.equal((await lines.next()).value, 'one');
    source.resolve(Buffer.from('o\n'));
    assert.equal((await lines.next()).value, 'two');
  });

  it('without end are refused before they fill the memory', async () => {
    const endless = (async function* () {
      for (;;) yield Buffer.alloc(100, 'x');
    })();
    await assert.rejects(collect(linesOf(endless, 1_000)), ProtocolError);
  });
});
