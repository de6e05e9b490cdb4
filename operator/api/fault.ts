/**
 * A fault is one thing wrong with what a user wrote. It names the field, the value and the way out, so that
 * `validate`, conditions and events can all print the same sentence.
 */
import { visible } from './visible.ts';

export interface Fault {
  /** Where, in the user's words: `spec.databases[1].poolSize`. */
  readonly path: string;
  /** What was found there; absent when something is missing. Never a secret. */
  readonly value?: unknown;
  /** What is wrong, as half a sentence: "is not a PgBouncer setting". */
  readonly problem: string;
  /** What would be right, as an instruction: "did you mean `server_idle_timeout`?". */
  readonly remedy: string;
}

const VALUE_LIMIT = 80;

/** The value as it stands in messages: JSON, cut at 80 characters. */
export function describeValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > VALUE_LIMIT ? `${cutText(text, VALUE_LIMIT)}…` : text;
}

/** The first characters of a text, never half of one: the API server would store another text than it was sent. */
export const cutText = (text: string, limit: number): string => text.slice(0, limit).replace(/[\ud800-\udbff]$/, '');

/** One line, `spec.path: problem (the value); remedy`, whatever stood in the file: nothing in it moves a cursor. */
export function formatFault(fault: Fault): string {
  const value = fault.value === undefined ? '' : ` (${describeValue(fault.value)})`;
  return visible(`${fault.path}: ${fault.problem}${value}; ${fault.remedy}`);
}
