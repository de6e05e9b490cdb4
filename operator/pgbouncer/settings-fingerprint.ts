/**
 * SHOW CONFIG in a few bytes: two looks at a process differ exactly when a value does. What a process says is compared
 * with itself, so the observer, which knows no file, can tell that a hand has changed something.
 */
import { createHash } from 'node:crypto';
import type { ConfigRow } from './show.ts';

/** Which file it was started on: not to be SET. */
const NOT_SETTINGS: ReadonlySet<string> = new Set(['conffile']);

export function fingerprintSettings(rows: readonly ConfigRow[]): string {
  let text = '';
  for (const { key, value } of rows) if (!NOT_SETTINGS.has(key)) text += `${key}\0${value}\0`;
  return createHash('sha1').update(text).digest('base64url').slice(0, 12);
}
