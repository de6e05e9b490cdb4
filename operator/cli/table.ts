/** Columns that line up, in a terminal and in a pull request. */

export interface Column {
  readonly align?: 'left' | 'right';
  /** Longer cells push only their own row. */
  readonly limit?: number;
}

/** @returns one line for each row, without blanks at its end; columns are two apart */
export function table(
  rows: readonly (readonly string[])[],
  columns: readonly Column[] = [],
  indent = '',
): readonly string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, index) => {
    const limit = columns[index]?.limit ?? Number.POSITIVE_INFINITY;
    return Math.max(0, ...rows.map((row) => width(row[index] ?? '')).filter((cells) => cells <= limit));
  });
  return rows.map((row) =>
    `${indent}${row
      .map((cell, index) => {
        const blank = ' '.repeat(Math.max(0, (widths[index] ?? 0) - width(cell)));
        return columns[index]?.align === 'right' ? blank + cell : cell + blank;
      })
      .join('  ')}`.trimEnd(),
  );
}

/** Characters as people count them. */
const width = (text: string): number => [...text].length;

/** Words in lines of at most `limit` characters. */
export function wrap(words: readonly string[], limit: number, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && width(indent) + width(line) + 1 + width(word) > limit) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, indent + line];
}
