/**
 * Does what a user would do with a list of faults: goes to each field that is named, and takes it out. That this leads
 * to a sound spec is a promise of the messages, and gives tests as many sound specs as they like.
 */
import { createHash } from 'node:crypto';
import { formatFault } from '../../api/fault.ts';
import { isRecord, type JsonObject } from '../../api/testing/json.ts';
import type { PoolerSpec } from '../../api/types.ts';
import type { Version } from '../../pgbouncer/version.ts';
import type { PlannedConfig } from '../config.ts';
import { faultsOf, type PlanOptions, planned, validated } from './planned.ts';

/** Each round may bring up what the last one hid: a budget that is gone no longer says what a pool may hold. */
const ROUNDS = 10;

/** @throws Error when a fault names a field that is not there, or taking out what is named does not help */
export function withoutFaults(
  input: JsonObject,
  version: Version,
  options: PlanOptions = {},
): { readonly spec: PoolerSpec; readonly plan: PlannedConfig } {
  const document = structuredClone({ spec: input });
  for (let round = 0; round < ROUNDS; round += 1) {
    const result = validated(document.spec);
    if (result.spec === undefined) throw new Error(`not valid: ${result.faults.map(formatFault).join('\n')}`);
    const plan = planned(result.spec, version, options);
    const faults = faultsOf(plan);
    if (faults.length === 0) return { spec: result.spec, plan };
    const fields = faults.map((fault) => {
      // A password that cannot be is given up together with whoever has it.
      const field = locate(document, fault.path.replace(/\.passwordSecretRef$/, ''));
      if (field === undefined) throw new Error(`names a field that is not there: ${formatFault(fault)}`);
      return field;
    });
    for (const field of fields) correct(field);
    for (const { parent, owner, name } of fields.flatMap(inList)) close(parent, owner, name);
    giveUpConnections(document.spec);
  }
  throw new Error(`still faulty after ${ROUNDS} rounds: ${JSON.stringify(document)}`);
}

/** Whoever connected as a user, or to a database, that has another name now or is gone. */
function giveUpConnections(spec: JsonObject): void {
  const { users, databases, connectionSecrets } = spec;
  if (!Array.isArray(connectionSecrets)) return;
  const names = (list: unknown): readonly unknown[] =>
    Array.isArray(list) ? list.map((item: { readonly name?: unknown } | undefined) => item?.name) : ['*'];
  const isLeft = (secret: unknown): boolean =>
    isRecord(secret) &&
    names(users).includes(secret['user']) &&
    [secret['database'], '*'].some((name) => names(databases).includes(name));
  Reflect.set(spec, 'connectionSecrets', connectionSecrets.filter(isLeft));
}

interface Field {
  readonly parent: object;
  readonly key: string;
  readonly value: unknown;
  /** What holds the parent, and as what. */
  readonly owner: object;
  readonly name: string;
}

const inList = (field: Field): readonly (Field & { readonly parent: unknown[] })[] =>
  Array.isArray(field.parent) ? [{ ...field, parent: field.parent }] : [];

/** A line that is taken out leaves no hole, and the last one takes the list with it. */
function close(list: unknown[], owner: object, name: string): void {
  const left = Object.values(list);
  list.splice(0, list.length, ...left);
  if (left.length > 0) return;
  Reflect.deleteProperty(owner, name);
  // The type that is nothing without its lines.
  if (Reflect.get(owner, 'type') === name) Reflect.deleteProperty(owner, 'type');
}

/** A name cannot be taken out: it gets a simple one, the same for the same name, so that one user stays one user. */
function correct({ parent, key, value }: Field): void {
  if (key === 'name')
    Reflect.set(parent, key, `n${createHash('sha256').update(String(value)).digest('hex').slice(0, 8)}`);
  // Of a list of hosts that is refused, one.
  else if (key === 'hosts' && Array.isArray(value)) Reflect.set(parent, key, value.slice(0, 1));
  else Reflect.deleteProperty(parent, key);
}

/** `spec.databases[0].parameters.a.b`: a key may hold dots itself. */
function locate(parent: object, path: string, owner: object = parent, name = ''): Field | undefined {
  for (const [key, value] of Object.entries(parent)) {
    const written = Array.isArray(parent) ? `[${key}]` : key;
    if (!path.startsWith(written)) continue;
    const rest = path.slice(written.length);
    if (rest === '') return { parent, key, value, owner, name };
    const below =
      /^[.[]/.test(rest) && typeof value === 'object' && locate(value, rest.replace(/^\./, ''), parent, key);
    if (below) return below;
  }
  return undefined;
}
