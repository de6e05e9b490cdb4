/**
 * Reads the columns of console rows. Names are what holds from version to version, so everything goes by name; a column
 * that no version promises is undefined when it is not there. What answers may be anything: text comes out in a form that
 * can be shown, and a number is one that PgBouncer could have printed.
 */
import { visible } from '../api/visible.ts';

/** One row as the console sends it: column → text, null for NULL. Numbers are text too. */
export type Row = Readonly<Record<string, string | null>>;

/** Reads one row of one SHOW command. */
export interface RowReader {
  /** Control characters are spelled out. @throws Error when the column is missing, NULL or absurdly long */
  readonly text: (column: string) => string;
  /** @throws Error when the column is missing or no whole number */
  readonly number: (column: string) => number;
  /** A number of things that one process has, or of seconds. @throws Error also when no process can have so many */
  readonly count: (column: string) => number;
  /** Undefined when missing, NULL or empty. */
  readonly optionalText: (column: string) => string | undefined;
  readonly optionalNumber: (column: string) => number | undefined;
}

/** Names have at most 127 bytes in PgBouncer; sixteen hosts of 253, as many of a fallback, and what is between them are the longest. */
const TEXT_LIMIT = 8_192;
/** PgBouncer counts in C's int. Fleet sums of it are still whole numbers that JSON and the API can hold. */
const COUNT_LIMIT = 2_147_483_647;

/** One text of a row, as a reader gives it. @throws Error when the column is missing, NULL or absurdly long */
export function readText(command: string, row: Row, column: string): string {
  const text = row[column];
  if (text === '') return text;
  const shown = readOptionalText(command, row, column);
  if (shown === undefined) throw new Error(`${command}: column ${column} is missing`);
  return shown;
}

function readOptionalText(command: string, row: Row, column: string): string | undefined {
  const text = row[column] ?? '';
  if (text.length > TEXT_LIMIT) throw new Error(`${command}: column ${column} has ${text.length} characters`);
  return text === '' ? undefined : visible(text);
}

/** @param command named in errors: `SHOW POOLS` */
export function readRow(command: string, row: Row): RowReader {
  const optionalNumber = (column: string): number | undefined => {
    // Some are padded with spaces.
    const text = row[column]?.trim() ?? '';
    if (text === '') return undefined;
    if (!/^-?\d{1,20}$/.test(text)) throw new Error(`${command}: column ${column} is no number`);
    return Number(text);
  };
  const required = <T>(column: string, value: T | undefined): T => {
    if (value === undefined) throw new Error(`${command}: column ${column} is missing`);
    return value;
  };
  return {
    text: (column) => readText(command, row, column),
    number: (column) => required(column, optionalNumber(column)),
    count: (column) => {
      const count = required(column, optionalNumber(column));
      if (Math.abs(count) > COUNT_LIMIT)
        throw new Error(`${command}: column ${column} is beyond what PgBouncer counts`);
      return count;
    },
    optionalText: (column) => readOptionalText(command, row, column),
    optionalNumber,
  };
}
