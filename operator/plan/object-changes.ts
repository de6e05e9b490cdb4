/** What an edit changes beside PgBouncer's files: the Service, the number of pods, passwords' Secrets, connection Secrets. */
import { PORT } from '../api/names.ts';
import type { ConnectionPooler, PoolerSpec } from '../api/types.ts';
import { passwordReferences } from './credentials.ts';
import type { ObjectChange, PlannedPooler } from './pooler-change.ts';

export function objectChanges(before: PlannedPooler, after: PlannedPooler): readonly ObjectChange[] {
  const [old, now] = [rowsOf(before.pooler), rowsOf(after.pooler)];
  const names = ({ pooler }: PlannedPooler): ReadonlySet<string> => new Set(namedIn(pooler.spec));
  const isKept = (object: string): boolean => names(before).has(object) === names(after).has(object);
  return [...new Set([...now.keys(), ...old.keys()])].flatMap((row) => {
    const [was = null, is = null] = [old.get(row), now.get(row)];
    const [object = '', field = ''] = row.split('\0');
    // That an entry comes or goes is said once.
    return was === is || !isKept(object) ? [] : [{ object, field, before: was, after: is }];
  });
}

const namedIn = (spec: PoolerSpec): readonly string[] => [
  ...(spec.users ?? []).map(({ name }) => `Password of ${name}`),
  ...(spec.databases ?? []).map(({ name }) => `Database ${name}`),
];

/** `object\0field` → value. */
function rowsOf({ spec }: ConnectionPooler): ReadonlyMap<string, string> {
  const rows = new Map<string, string>();
  const set = (object: string, field: string, value: string | number | boolean | undefined): void => {
    if (value !== undefined) rows.set(`${object}\0${field}`, String(value));
  };
  set('Deployment', 'replicas', spec.replicas);
  set('Pooler', 'suspend', spec.suspend);
  set('Service', 'type', spec.service?.type ?? 'ClusterIP');
  set('Service', 'port', spec.service?.port ?? PORT);
  set('Service', 'trafficDistribution', spec.service?.trafficDistribution);
  for (const [key, value] of Object.entries(spec.service?.annotations ?? {}))
    set('Service', `annotation ${key}`, value);
  for (const { user, secret } of passwordsOf(spec)) set(`Password of ${user}`, 'Secret', secret);
  for (const { name, user, database, keys } of spec.connectionSecrets ?? []) {
    set(`Secret ${name}`, 'for', `${user} to ${database}`);
    for (const [key, template] of Object.entries(keys ?? {})) set(`Secret ${name}`, `key ${key}`, template);
  }
  for (const { name, connectionBudget, serverMaxConnections } of spec.backends) {
    set(`Backend ${name}`, 'connectionBudget', connectionBudget);
    set(`Backend ${name}`, 'serverMaxConnections', serverMaxConnections);
  }
  for (const { name, connectionBudget, state } of spec.databases ?? []) {
    set(`Database ${name}`, 'connectionBudget', connectionBudget);
    set(`Database ${name}`, 'state', state ?? 'Enabled');
  }
  return rows;
}

function passwordsOf(spec: PoolerSpec): readonly { readonly user: string; readonly secret: string }[] {
  const references = Map.groupBy(passwordReferences(spec), ({ user }) => user);
  return [...references].map(([user, found]) => ({
    user,
    secret: [...new Set(found.map(({ ref }) => `${ref.name}/${ref.key}`))].sort().join(', '),
  }));
}
