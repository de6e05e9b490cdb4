/**
 * What was begun side by side: like Promise.all, but nothing of it still goes on when this has ended.
 * @throws the first failure, in the order of the list, when all have ended
 */
export async function allEnded<T extends readonly unknown[]>(
  begun: readonly [...T],
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  await Promise.allSettled(begun);
  return Promise.all(begun);
}
