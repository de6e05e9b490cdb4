/**
 * Specs with one leaf replaced by each thing that it must not be, every leaf in turn: what gets into a cluster whose
 * definition was edited by hand. Not random, so that a failure names itself.
 */
import { isRecord, type Json, type JsonObject } from './json.ts';

/** Every kind of field that the schema has, each at least once. No pods come of it. */
export const EVERY_FIELD: JsonObject = {
  replicas: 0,
  suspend: false,
  image: 'pgbouncer:1.26.1',
  version: '1.26.1',
  profile: 'balanced',
  maxClientConnections: 100,
  backends: [
    { name: 'primary', host: 'pg', port: 5432, serverMaxConnections: 200, connectionBudget: '80%' },
    { name: 'replicas', service: { name: 'pg-ro', namespace: 'data' } },
    { name: 'several', hosts: ['pg-1', 'pg-2'] },
    { name: 'cluster', cnpgCluster: { name: 'pg', namespace: 'data', role: 'ro' } },
  ],
  defaults: { poolMode: 'transaction', poolSize: 8, minPoolSize: 1, reservePoolSize: 2 },
  databases: [
    {
      name: 'app',
      backend: 'primary',
      dbname: 'app_production',
      poolMode: 'session',
      connectionBudget: 60,
      poolSize: 8,
      serverLifetime: '30m',
      connectQuery: 'SELECT 1',
      serverUser: { name: 'app_pool', passwordSecretRef: { name: 'app', key: 'password' } },
      parameters: { application_name: 'app' },
    },
    { name: 'app_ro', backend: 'replicas', state: 'Enabled' },
  ],
  users: [
    {
      name: 'app',
      passwordSecretRef: { name: 'app', key: 'password' },
      poolMode: 'transaction',
      queryTimeout: '30s',
      parameters: {},
    },
  ],
  auth: {
    type: 'scram-sha-256',
    hba: ['hostssl all all 10.0.0.0/8 cert map=m', 'host all all ::/0 ldap'],
    ident: ['m app.example.com app'],
    ldap: {
      options: { ldapserver: 'ldap', ldapbasedn: 'dc=x' },
      bindPasswordSecretRef: { name: 'app', key: 'password' },
    },
    userlistSecretRefs: [{ name: 'app', key: 'users' }],
    query: { userSecretRef: { name: 'app' }, database: 'postgres', sql: 'SELECT a, b FROM c($1)' },
    adminUsers: ['dba'],
    statsUsers: ['grafana'],
  },
  tls: { client: { mode: 'verify-full', secretRef: { name: 'tls' }, caSecretRef: { name: 'tls', key: 'ca.crt' } } },
  parameters: { server_idle_timeout: 300, ignore_startup_parameters: 'search_path' },
  service: { type: 'ClusterIP', port: 6432, annotations: { a: 'b' } },
  template: {
    metadata: { labels: { a: 'b' } },
    spec: { nodeSelector: { a: 'b' }, containers: [{ name: 'pgbouncer', resources: { requests: { cpu: '1' } } }] },
  },
};

export const deep = (levels: number): Json => {
  let value: Json = 1;
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? { a: value } : [value];
  return value;
};

const strange = (entries: readonly (readonly [string, Json])[]): JsonObject => Object.fromEntries(entries);

const REPLACEMENTS: Readonly<Record<string, Json>> = {
  null: null,
  'a number': 7,
  'a negative fraction': -0.5,
  'a huge number': 1e300,
  'an empty text': '',
  'a text with escapes': '\u001b[2J\n\u202e',
  'a huge text': 'x'.repeat(100_000),
  true: true,
  'an empty list': [],
  'a list of anything': [null, 1, 'x', [], {}],
  'an empty object': {},
  'the keys of prototypes': strange([
    ['__proto__', { polluted: true }],
    ['constructor', { prototype: { polluted: true } }],
    ['toString', 'x'],
    ['hasOwnProperty', null],
  ]),
  'something deep': deep(2_000),
};

export interface HostileSpec {
  /** `spec.backends[0].host is null` */
  readonly what: string;
  readonly spec: Json;
}

export function hostileSpecs(): readonly HostileSpec[] {
  const specs: HostileSpec[] = [];
  for (const [what, value] of Object.entries(REPLACEMENTS)) {
    for (const path of placesIn(EVERY_FIELD)) {
      specs.push({ what: `spec.${path.join('.')} is ${what}`, spec: replaced(EVERY_FIELD, path, value) });
    }
    specs.push({ what: `spec is ${what}`, spec: value });
  }
  return specs;
}

/** Every place below the top, leaves and branches. */
const placesIn = (value: Json): readonly (readonly string[])[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, child]: [string, Json]) => [
        [key],
        ...placesIn(child).map((path) => [key, ...path]),
      ])
    : [];

function replaced(value: Json, [key, ...path]: readonly string[], by: Json): Json {
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((item: Json, index) => (String(index) === key ? replaced(item, path, by) : item));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [name, name === key ? replaced(child, path, by) : child]),
  );
}
