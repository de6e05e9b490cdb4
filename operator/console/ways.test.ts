import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstThatIsTaken } from './ways.ts';

const attempt = async (way: string): Promise<string> => {
  if (way.startsWith('taken')) return way;
  throw new Error(way);
};
const isRefusal = (error: unknown): boolean => error instanceof Error && error.message.startsWith('refused');

for (const [ways, taken] of [
  [['taken'], 'taken'],
  [['refused', 'taken 1', 'taken 2'], 'taken 1'],
] as const) {
  test(`of ${ways.join(', ')} it is ${taken}`, async () =>
    assert.equal(await firstThatIsTaken(ways, attempt, isRefusal), taken));
}

for (const [ways, reason] of [
  [['refused 1', 'refused 2'], 'refused 1'],
  [['refused', 'broken', 'taken'], 'broken'],
  [['broken', 'taken'], 'broken'],
] as const) {
  test(`of ${ways.join(', ')} it is none, for ${reason}`, async () =>
    assert.rejects(firstThatIsTaken(ways, attempt, isRefusal), { message: reason }));
}
