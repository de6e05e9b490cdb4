/**
 * Reads the columns of console rows. Names are what holds from version to version, so everything goes by name; a column
 * that no version promises is undefined when it is not there.
 */

/** One row as the console sends it: column → text, null for NULL. Numbers are text too. */
export type Row = Readonly<Record<string, string | null>>;

/** Reads one row of one SHOW command. */
export interface RowReader {
  /** @throws Error when the column is missing or NULL */
  readonly text: (column: string) => string;
  /** @throws Error when the column is missing or no number */
  readonly number: (column: string) => number;
  /** Undefined when missing, NULL or empty. */
  readonly optionalText: (column: string) => string | undefined;
  readonly optionalNumber: (column: string) => number | undefined;
}

/** @param command named in errors: `SHOW POOLS` */
export function readRow(command: string, row: Row): RowReader {
  const optionalText = (column: string): string | undefined => {
    const text = row[column];
    return text === null || text === '' ? undefined : text;
  };
  const optionalNumber = (column: string): number | undefined => {
    // Some are padded with spaces.
    const text = row[column]?.trim() ?? '';
    if (text === '') return undefined;
    const number = Number(text);
    if (!Number.isFinite(number)) throw new Error(`${command}: column ${column} is no number`);
    return number;
  };
  const required = <T>(column: string, value: T | undefined): T => {
    if (value === undefined) throw new Error(`${command}: column ${column} is missing`);
    return value;
  };
  return {
    text: (column) => required(column, row[column] ?? undefined),
    number: (column) => required(column, optionalNumber(column)),
    optionalText,
    optionalNumber,
  };
}
