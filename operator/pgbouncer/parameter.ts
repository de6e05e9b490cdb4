/**
 * Checks one key of a `parameters` map: PgBouncer would half-apply a file with a key it does not know, and would take
 * most wrong values without a word.
 */
import type { Fault } from '../api/fault.ts';
import { nearestName } from './nearest-name.ts';
import { existsIn, findSetting, SECTIONS, type Section, type Setting, settingsOf } from './settings.ts';
import { checkValue } from './value.ts';
import { atLeast, formatVersion, type Version } from './version.ts';

export interface Parameter {
  readonly section: Section;
  readonly key: string;
  readonly value: string | number;
  readonly version: Version;
  /** Where it stands: `spec.databases[0].parameters.timezone`. */
  readonly path: string;
}

const PLACES: Readonly<Record<Section, string>> = {
  pgbouncer: '`spec.parameters`',
  databases: '`parameters` of a database',
  users: '`parameters` of a user',
  peers: 'no field: the operator renders the peers',
};

/** @returns the first thing that is wrong with it */
export function checkParameter({ section, key, value, version, path }: Parameter): Fault | undefined {
  const setting = findSetting(section, key);
  if (setting === undefined) return { path, ...unknownKey(section, key, version) };
  const shown = setting.secret ? {} : { value };
  if (setting.ownership.kind === 'field') {
    return { path, ...shown, problem: 'has a field of its own', remedy: `set \`${setting.ownership.field}\` instead` };
  }
  if (setting.ownership.kind === 'reserved') {
    return { path, ...shown, problem: `belongs to the operator: ${setting.ownership.why}`, remedy: 'remove it' };
  }
  if (!existsIn(setting, version)) return { path, ...shown, ...wrongVersion(setting, version) };
  const fault = checkValue(setting, String(value)) ?? checkRoom(setting, Number(value));
  return fault && { path, ...shown, ...fault };
}

/** Logins of the operator, of exporters and of people at one console at the same time. */
const CONSOLE_LOGINS = 10;

/** These two count logins to the console as well, and there is no entry of its own for it: seen on 1.24 and 1.26. */
function checkRoom({ section, name }: Setting, limit: number): ReturnType<typeof checkValue> {
  const counts = section === 'pgbouncer' && /^max_(db|user)_client_connections$/.test(name);
  if (!counts || limit === 0 || limit >= CONSOLE_LOGINS) return undefined;
  return {
    problem: "leaves no room for the operator's own logins to the console, which it counts too",
    remedy: `write at least ${CONSOLE_LOGINS}, or limit a database or a user by its field \`maxClientConnections\``,
  };
}

function unknownKey(section: Section, key: string, version: Version): Pick<Fault, 'problem' | 'remedy'> {
  const elsewhere = SECTIONS.filter((other) => findSetting(other, key) !== undefined);
  if (elsewhere.length > 0) {
    return {
      problem: `is not a setting of [${section}], but of ${elsewhere.map((other) => `[${other}]`).join(' and ')}`,
      remedy: `move it to ${elsewhere.map((other) => PLACES[other]).join(' or ')}`,
    };
  }
  const free = settingsOf(version, section).filter((setting) => setting.ownership.kind !== 'reserved');
  const meant = nearestName(
    key,
    free.map(({ name }) => name),
  );
  return {
    problem: `is not a setting of PgBouncer's [${section}]`,
    remedy: meant === undefined ? 'remove it, or correct its name' : `did you mean \`${meant}\`?`,
  };
}

function wrongVersion(setting: Setting, version: Version): Pick<Fault, 'problem' | 'remedy'> {
  const has = `and this pooler has ${formatVersion(version)}`;
  return atLeast(version, setting.since)
    ? { problem: `is gone since PgBouncer ${setting.until}, ${has}`, remedy: 'remove it' }
    : { problem: `needs PgBouncer ${setting.since} or newer, ${has}`, remedy: 'use a newer image, or remove it' };
}
