/** One way after another, where a refusal only says that it was not the right one. */

/** @param ways at least one @throws the first refusal, which tells most, when each is refused; and at once what is none */
export async function firstThatIsTaken<Way, T>(
  ways: readonly Way[],
  attempt: (way: Way) => Promise<T>,
  isRefusal: (error: unknown) => boolean,
): Promise<T> {
  const refusals: unknown[] = [];
  for (const way of ways) {
    try {
      return await attempt(way);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusals.push(error);
    }
  }
  throw refusals[0];
}
