/** Which lines go and which come when the order counts: all but the longest sequence that both lists have. */

export interface LineChange {
  readonly name: string;
  readonly change: 'added' | 'removed';
}

export function lineChanges(before: readonly string[], after: readonly string[]): readonly LineChange[] {
  // What both have at the beginning and the end is not compared: lists are long, and edits are small.
  const start = firstDifference(before, after);
  const end = firstDifference(before.slice(start).toReversed(), after.slice(start).toReversed());
  const old = before.slice(start, before.length - end);
  const now = after.slice(start, after.length - end);
  const common = commonLengths(old, now);
  const length = (i: number, j: number): number => common[i]?.[j] ?? 0;
  const removed: LineChange[] = [];
  const added: LineChange[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    const [was, is] = [old[i], now[j]];
    if (was !== undefined && was === is) {
      i += 1;
      j += 1;
    } else if (was !== undefined && (is === undefined || length(i + 1, j) >= length(i, j + 1))) {
      removed.push({ name: was, change: 'removed' });
      i += 1;
    } else {
      added.push({ name: is ?? '', change: 'added' });
      j += 1;
    }
  }
  return [...removed, ...added];
}

function firstDifference(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((line, index) => line !== b[index]);
  return at < 0 ? a.length : at;
}

/** [i][j]: how many lines the rests from i and from j have in common, in their order. */
function commonLengths(a: readonly string[], b: readonly string[]): readonly (readonly number[])[] {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, () => 0)];
  for (const line of a.toReversed()) {
    const below = rows.at(-1) ?? [];
    const row = Array.from({ length: b.length + 1 }, () => 0);
    for (let j = b.length - 1; j >= 0; j -= 1)
      row[j] = line === b[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
    rows.push(row);
  }
  return rows.toReversed();
}
