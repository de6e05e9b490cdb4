import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { createFifo } from './fifo.ts';

describe('first in, first out', () => {
  it('gives what an array would give', () => {
    const step = fc.record({ push: fc.nat(3_000), shift: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const fifo = createFifo<number>();
        const model: number[] = [];
        let next = 0;
        for (const { push, shift } of steps) {
          for (let count = 0; count < push; count += 1) {
            next += 1;
            fifo.push(next);
            model.push(next);
          }
          const expected = Array.from({ length: shift }, (_, index) => model[index]);
          model.splice(0, shift);
          assert.deepEqual(
            Array.from({ length: shift }, () => fifo.shift()),
            expected,
          );
        }
        fifo.clear();
        assert.equal(fifo.shift(), undefined);
      }),
      { numRuns: 50 },
    );
  });
});
