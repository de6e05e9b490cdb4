/** Durations as users write them in a spec; PgBouncer itself only takes seconds. */

/** @param text hours, minutes and seconds in this order, whole numbers: `1h30m`, `90s`; @returns seconds */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,9})s)?$/.exec(text);
  if (match === null || text === '') return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part: string | undefined) => Number(part ?? 0));
  return hours * 3600 + minutes * 60 + seconds;
}
