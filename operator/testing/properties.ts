/**
 * fast-check with a seed: the same cases in every run, so that a test that fails does so because of a change, and fails
 * again when it is asked again. `FC_SEED=random` draws others, `FC_SEED=<number>` those of a run that told its number.
 */
import fc from 'fast-check';

const drawn = (): number => Math.trunc(Math.random() * 0x7fffffff);

function seedFrom(text: string | undefined): number {
  if (text === undefined) return 20_000;
  const seed = text === 'random' ? drawn() : Number(text);
  if (!Number.isInteger(seed)) throw new RangeError(`FC_SEED=${text}: neither a whole number nor "random"`);
  return seed;
}

/** For whoever tells it with a failure of his own; what `fc.assert` throws has it already. */
export const SEED = seedFrom(process.env['FC_SEED']);

fc.configureGlobal({ seed: SEED });

export { fc };
