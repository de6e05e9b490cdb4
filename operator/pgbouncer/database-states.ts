/**
 * What the consoles shall say of a database beside its file: paused, disabled, or both, as one that is about to be
 * removed. PgBouncer forgets it when it restarts and keeps it over a RELOAD, so every process is told, and what the
 * operator told is noted: that alone it takes back, not what a hand did.
 */
import { objectIn } from '../api/annotation.ts';
import type { PoolerSpec } from '../api/types.ts';
import type { DatabaseRow } from './show.ts';

/** `Leaving`: nobody may log in any more, and what is under way is finished before the file without it is loaded. */
export type HeldState = 'Paused' | 'Disabled' | 'Leaving';
/** Name of a database → what it is held in; all others are left alone. */
export type HeldStates = Readonly<Record<string, HeldState>>;

const FLAGS = {
  Enabled: { paused: false, disabled: false },
  Paused: { paused: true, disabled: false },
  Disabled: { paused: false, disabled: true },
  Leaving: { paused: true, disabled: true },
} as const;

export function statesOf(spec: Pick<PoolerSpec, 'databases'>): HeldStates {
  return Object.fromEntries(
    (spec.databases ?? []).flatMap(({ name, state }) =>
      state === 'Paused' || state === 'Disabled' ? [[name, state]] : [],
    ),
  );
}

export const withoutLeaving = (held: HeldStates): HeldStates =>
  Object.fromEntries(Object.entries(held).filter(([, state]) => state !== 'Leaving'));

export function sameStates(a: HeldStates, b: HeldStates): boolean {
  const [names, others] = [Object.keys(a), Object.keys(b)];
  return names.length === others.length && names.every((name) => a[name] === b[name]);
}

/** Everything that is or shall be held; what shall be wins. */
export const unionOf = (held: HeldStates, wanted: HeldStates): HeldStates => ({ ...held, ...wanted });

/** A database may be called `constructor`, which every object knows. */
const flagsOf = (states: HeldStates, name: string) =>
  FLAGS[Object.hasOwn(states, name) ? (states[name] ?? 'Enabled') : 'Enabled'];

type Shown = Pick<DatabaseRow, 'name' | 'paused' | 'disabled'>;

/** Commands for one process. PAUSE comes last: it answers only when the last transaction is done. */
export function stateCommands(rows: readonly Shown[], wanted: HeldStates, held: HeldStates): readonly string[] {
  const commands = rows.flatMap((row): readonly string[] => {
    const now = flagsOf(wanted, row.name);
    const before = flagsOf(held, row.name);
    const name = quoteName(row.name);
    return [
      ...(now.disabled && !row.disabled ? [`DISABLE ${name}`] : []),
      ...(!now.disabled && before.disabled && row.disabled ? [`ENABLE ${name}`] : []),
      ...(!now.paused && before.paused && row.paused ? [`RESUME ${name}`] : []),
      ...(now.paused && !row.paused ? [`PAUSE ${name}`] : []),
    ];
  });
  return commands.toSorted((a, b) => Number(a.startsWith('PAUSE ')) - Number(b.startsWith('PAUSE ')));
}

/** What a hand did to databases, in words. */
export function foreignStates(rows: readonly Shown[], wanted: HeldStates): readonly string[] {
  return rows.flatMap(({ name, paused, disabled }) => {
    const expected = flagsOf(wanted, name);
    if (expected.paused === paused && expected.disabled === disabled) return [];
    const is = paused && disabled ? 'paused and disabled' : paused ? 'paused' : disabled ? 'disabled' : 'enabled';
    return [`database ${name} is ${is}${expected === FLAGS.Enabled ? '' : `, its state is ${wanted[name]}`}`];
  });
}

/** A name as the console's own commands take it. */
export const quoteName = (name: string): string =>
  /^[a-z_][0-9a-z_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

/** @param annotation as `printStates` wrote it, or a hand */
export const parseStates = (annotation: string | undefined): HeldStates =>
  Object.fromEntries(
    Object.entries(objectIn(annotation) ?? {}).filter(
      (entry): entry is [string, HeldState] =>
        entry[1] === 'Paused' || entry[1] === 'Disabled' || entry[1] === 'Leaving',
    ),
  );

/** @returns undefined when nothing is held */
export function printStates(held: HeldStates): string | undefined {
  const entries = Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : JSON.stringify(Object.fromEntries(entries));
}
