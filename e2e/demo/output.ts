/** How the demo speaks: numbered steps, elapsed times, tables whose columns line up. */
const started = performance.now();
let number = 0;

const elapsed = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** A numbered step, its duration behind it. */
export async function step<T>(title: string, work: (report: (detail: string) => void) => Promise<T>): Promise<T> {
  number += 1;
  const begun = performance.now();
  console.log(`\n${number}. ${title}`);
  let last = '';
  let shownAt = performance.now();
  const report = (detail: string): void => {
    if (detail === last || performance.now() - shownAt < 9_000) return;
    last = detail;
    shownAt = performance.now();
    console.log(`   … ${detail}`);
  };
  try {
    const result = await work(report);
    console.log(`   done in ${elapsed(begun)}`);
    return result;
  } catch (error) {
    console.log(`   failed after ${elapsed(begun)}`);
    throw error;
  }
}

export const note = (text: string): void => {
  for (const line of text.trimEnd().split('\n')) console.log(`   ${line}`);
};

export function table(rows: readonly (readonly (string | number)[])[]): void {
  const texts = rows.map((row) => row.map(String));
  const widths = (texts[0] ?? []).map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  texts.forEach((row, index) => {
    note(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('   '),
    );
    if (index === 0) note(widths.map((width) => '─'.repeat(width)).join('───'));
  });
}

export const total = (): string => elapsed(started);
