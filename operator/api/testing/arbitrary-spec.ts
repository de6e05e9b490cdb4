/**
 * Arbitrary specs, made from the schema literal itself: a field that is added there is generated here without a further
 * word. What the schema cannot say (the rules between fields) is put right afterwards, so that every spec is valid.
 */

import { existsIn, SETTINGS, type Section } from '../../pgbouncer/settings.ts';
import { printableText, settingValue } from '../../pgbouncer/testing/arbitrary.ts';
import type { Version } from '../../pgbouncer/version.ts';
import { fc } from '../../testing/properties.ts';
import { RESERVED_USERS } from '../names.ts';
import { specSchema } from '../spec-schema.ts';
import { isRecord, type Json, type JsonObject } from './json.ts';

/** The part of JSON Schema that the literal uses. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

/** Text as the fields may hold it: plain names for the most part, and what hopes to break out of a file. */
const freeText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z][a-z0-9_]{0,12}$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('all', 'replication', '+all', '@file', '*', 'ERROR', 'WARNING', 'constructor'),
  },
  { weight: 1, arbitrary: fc.constantFrom('€', '🐘', '"', "'", 'x').map((character) => character.repeat(63)) },
  { weight: 2, arbitrary: printableText.filter((text) => !/[\u007f-\u009f]/.test(text)) },
);

const duration: fc.Arbitrary<string> = fc
  .tuple(...[24, 90, 999].map((max) => fc.option(fc.integer({ min: 1, max }))))
  .map(([h, m, s]) => `${h ? `${h}h` : ''}${m ? `${m}m` : ''}${s ? `${s}s` : ''}`)
  .filter((text) => text !== '');

/** What `template` may hold in restricted mode; the schema leaves it open. */
const podSpec: fc.Arbitrary<Json> = fc.record(
  {
    nodeSelector: fc.constant({ 'kubernetes.io/os': 'linux' }),
    priorityClassName: fc.constant('high'),
    tolerations: fc.constant([{ key: 'pool', operator: 'Exists' }]),
    containers: fc.subarray(
      [
        { name: 'pgbouncer', resources: { limits: { memory: '64Mi' } } },
        { name: 'sidecar', image: 'busybox:1' },
      ],
      { minLength: 1 },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

function textOf(schema: Schema): fc.Arbitrary<string> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const { pattern, minLength = 0, maxLength = 1000 } = schema;
  const text =
    pattern === undefined || pattern.includes('\\x00')
      ? freeText
      : pattern.includes('h)?')
        ? duration
        : fc.stringMatching(new RegExp(pattern), { maxLength: Math.min(maxLength, 12) });
  return text
    .map((value) => [...value].slice(0, maxLength).join(''))
    .filter(
      (value) => [...value].length >= minLength && (pattern === undefined || new RegExp(pattern, 'u').test(value)),
    );
}

/** Lines that mean something, by the field that holds them; nothing else would bring one forth. */
const LINES: Readonly<Record<string, readonly string[]>> = {
  hba: [
    'host all all 10.0.0.0/8 scram-sha-256',
    'hostssl "a b",app all ::/0 cert map=m',
    'host all all all reject',
    'host replication,sameuser all 0.0.0.0/0 trust # why',
    'hostnossl app "u""v" 10.1.0.0/16 password',
    'host all all 0.0.0.0/0 ldap',
  ],
  ident: ['m app.example.com app', 'm "c # n" all', 'other "a""b" u'],
  adminUsers: ['dba', 'a"b'],
  statsUsers: ['grafana', "a'b"],
};

const lineOf = (schema: Schema, field: string): fc.Arbitrary<Json> => {
  const lines = LINES[field];
  return lines === undefined
    ? textOf(schema)
    : fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...lines) }, { weight: 1, arbitrary: textOf(schema) });
};

/** Small numbers for the most part, so that sizes and budgets have a chance to fit. */
const wholeOf = ({ minimum = 0, maximum = 1_000_000 }: Schema): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: minimum, max: Math.min(maximum, minimum + 40) }) },
    { weight: 1, arbitrary: fc.integer({ min: minimum, max: maximum }) },
  );

/** Whether fields that may be left out are there by chance, or always. */
type Presence = 'chance' | 'always';

/** Any value that this schema takes. */
function anyValue(schema: Schema, field: string, presence: Presence): fc.Arbitrary<Json> {
  if (schema.anyOf !== undefined) return fc.oneof(wholeOf(schema), textOf(schema));
  if (schema['x-kubernetes-preserve-unknown-fields']) return podSpec;
  switch (schema.type) {
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return wholeOf(schema);
    case 'string':
      return lineOf(schema, field);
    case 'array':
      return listOf(schema, field, presence);
    case 'object':
      return schema.additionalProperties === undefined
        ? objectOf(schema, presence)
        : mapOf(schema.additionalProperties, presence);
    default:
      throw new TypeError(`the generator does not know the type of ${field}`);
  }
}

function listOf(schema: Schema, field: string, presence: Presence): fc.Arbitrary<Json> {
  const [key] = schema['x-kubernetes-list-map-keys'] ?? [];
  const minLength = Math.max(schema.minItems ?? 0, presence === 'always' ? 1 : 0);
  if (schema.items === undefined) throw new TypeError(`the generator does not know the items of ${field}`);
  if (key === undefined && schema['x-kubernetes-list-type'] !== 'set')
    return fc.array(anyValue(schema.items, field, presence), { minLength, maxLength: 3 });
  return fc.uniqueArray(anyValue(schema.items, field, presence), {
    minLength,
    maxLength: 4,
    // An item without a name gets the default one.
    selector: (item) => (isRecord(item) && key !== undefined ? (item[key] ?? 'primary') : JSON.stringify(item)),
  });
}

const mapOf = (values: Schema, presence: Presence): fc.Arbitrary<Json> =>
  fc.dictionary(fc.stringMatching(/^[a-z]([-a-z0-9./]{0,10}[a-z0-9])?$/), anyValue(values, 'map', presence), {
    minKeys: presence === 'always' ? 1 : 0,
    maxKeys: 2,
    noNullPrototype: true,
  });

const objectOf = ({ properties = {}, required = [] }: Schema, presence: Presence): fc.Arbitrary<Json> =>
  fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, child]) => [name, anyValue(child, name, presence)])),
    { requiredKeys: presence === 'always' ? Object.keys(properties) : [...required], noNullPrototype: true },
  );

const rawSpec = (presence: Presence): fc.Arbitrary<JsonObject> =>
  objectOf(specSchema, presence).map((spec) => (isRecord(spec) ? spec : {}));

const records = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isRecord) : [];

/** Of the addresses that a backend was given, one; which, depends on what else it says. */
function oneAddress({ host, hosts, service, cnpgCluster, ...rest }: JsonObject): JsonObject {
  const given = Object.entries({ host, hosts, service, cnpgCluster }).filter(([, value]) => value !== undefined);
  const [field, value] = given[JSON.stringify(rest).length % given.length] ?? ['host', 'pg.example.com'];
  return { ...rest, [field]: value ?? 'pg.example.com' };
}

/** Puts the rules between fields right: one address for a backend, backends that are there, no cap on `*`. */
function related(raw: JsonObject): JsonObject {
  const fallsBack = records(raw['databases']).some(({ fallbackBackend }) => fallbackBackend !== undefined);
  const backends = records(raw['backends'])
    .map(oneAddress)
    .map(({ port, ...rest }): JsonObject => (port === undefined || fallsBack ? rest : { ...rest, port }));
  const names = backends.map((backend) => String(backend['name'] ?? 'primary'));
  const databases = records(raw['databases']).map((database): JsonObject => {
    const name = String(database['name']);
    const backend = names[name.length % names.length] ?? 'primary';
    const fallback = names.find((other) => other !== backend);
    const { connectionBudget, serverUser, state, fallbackBackend, ...rest } = database;
    return {
      ...rest,
      ...(state !== undefined && name !== '*' ? { state } : {}),
      ...(name === 'pgbouncer' ? { name: 'pgbouncer_' } : {}),
      ...(names.length > 1 || database['backend'] !== undefined ? { backend } : {}),
      ...(fallbackBackend !== undefined && fallback !== undefined ? { fallbackBackend: fallback } : {}),
      ...(connectionBudget !== undefined && name !== '*' ? { connectionBudget } : {}),
      ...(isRecord(serverUser) ? { serverUser: { ...serverUser, name: unreserved(serverUser['name']) } } : {}),
    };
  });
  const users =
    raw['users'] === undefined
      ? undefined
      : records(raw['users']).map((user) => ({ ...user, name: unreserved(user['name']) }));
  const user = users?.find(({ name }) => name !== '*');
  const connectable = databases.length === 0 ? 'any' : databases[0]?.['name'] === '*' ? 'any' : databases[0]?.['name'];
  const wild = databases
    .filter(({ name }) => name === '*')
    .flatMap(({ backend, fallbackBackend }) => [backend ?? names[0], fallbackBackend]);
  const uncapped = new Set(databases.length === 0 ? [names[0]] : wild);
  const { connectionSecrets: _loose, ...kept } = raw;
  return {
    ...kept,
    backends: backends.map(({ connectionBudget, ...backend }) =>
      connectionBudget === undefined || uncapped.has(String(backend['name'] ?? 'primary'))
        ? backend
        : { ...backend, connectionBudget },
    ),
    ...(databases.length === 0 ? {} : { databases }),
    ...(isRecord(raw['tls']) ? { tls: relatedTls(raw['tls']) } : {}),
    ...(users === undefined ? {} : { users }),
    ...connectionSecretsOf(raw['connectionSecrets'], user?.name, connectable),
    ...(isRecord(raw['auth']) ? { auth: relatedAuth(raw['auth'], raw['tls']) } : {}),
  };
}

/** A type has what it needs, and is one that there is. */
function relatedAuth(raw: JsonObject, tls: Json | undefined): JsonObject {
  const { type } = raw;
  const client = isRecord(tls) && isRecord(tls['client']) ? tls['client'] : {};
  const verified = String(client['mode']).startsWith('verify');
  const lacks =
    type === 'pam' ||
    (type === 'cert' && !verified) ||
    (type === 'hba' && !raw['hba']) ||
    (type === 'ldap' && !raw['ldap']);
  const options = { ldapserver: 'ldap.example.com', ldapbasedn: 'dc=example,dc=com' };
  return {
    ...raw,
    ...(lacks ? { type: 'md5' } : {}),
    ...(isRecord(raw['ldap']) ? { ldap: { ...raw['ldap'], options } } : {}),
  };
}

/** A certificate for whoever is to serve one, authorities for whoever verifies, and some version of TLS. */
function relatedTls(tls: JsonObject): JsonObject {
  const { client, server } = tls;
  return {
    ...(isRecord(client) ? { client: withAuthorities(withVersion(withOneCertificate(client))) } : {}),
    ...(isRecord(server) ? { server: withAuthorities(withVersion(server)) } : {}),
  };
}
function withOneCertificate({ secretRef, certificate, ...rest }: JsonObject): JsonObject {
  // Of both, one; which, depends on what else is said.
  const issued = certificate !== undefined && (secretRef === undefined || JSON.stringify(rest).length % 2 === 0);
  return issued ? { ...rest, certificate } : { ...rest, secretRef: secretRef ?? { name: 'tls' } };
}
function withAuthorities(side: JsonObject): JsonObject {
  const verifies = side['mode'] === 'verify-ca' || side['mode'] === 'verify-full';
  return verifies && side['caSecretRef'] === undefined ? { ...side, caSecretRef: { name: 'ca', key: 'ca.crt' } } : side;
}
const withVersion = ({ maxVersion, ...rest }: JsonObject): JsonObject =>
  maxVersion === undefined || rest['minVersion'] === '1.3' ? rest : { ...rest, maxVersion };

/** Names of their own, for somebody who is there. */
const connectionSecretsOf = (raw: Json | undefined, user: Json | undefined, database: Json | undefined): JsonObject =>
  raw === undefined || user === undefined || database === undefined
    ? {}
    : {
        connectionSecrets: records(raw).map(({ keys, ...secret }) => ({
          ...secret,
          name: `connect-${String(secret['name'])}`,
          user,
          database,
          ...(isRecord(keys)
            ? { keys: Object.fromEntries(Object.entries(keys).map(([key, text]) => [key.replaceAll('/', '_'), text])) }
            : {}),
        })),
      };

const unreserved = (name: Json | undefined): string =>
  RESERVED_USERS.includes(String(name)) ? `${String(name)}_` : String(name);

/** Real settings for the three `parameters`: known, free, in this version, in their range. */
const parametersOf = (section: Section, version: Version): fc.Arbitrary<JsonObject> =>
  fc
    .subarray(
      SETTINGS.filter(
        (setting) => setting.section === section && setting.ownership.kind === 'free' && existsIn(setting, version),
      ),
    )
    .chain((settings) =>
      fc.tuple(...settings.map((setting) => settingValue(setting).map((value) => [setting.name, value] as const))),
    )
    .map((pairs) => Object.fromEntries(pairs.filter(([, value]) => !/[\u007f-\u009f]/.test(value))));

/** Any spec that `validatePooler` takes; most of their `parameters` are nonsense. */
export const validSpec: fc.Arbitrary<JsonObject> = rawSpec('chance').map(related);

/** With every field that there is, save that a backend has only one address. */
export const fullSpec: fc.Arbitrary<JsonObject> = rawSpec('always').map(related);

/** Valid, and its `parameters` are settings that this version knows. */
export const sensibleSpec = (version: Version): fc.Arbitrary<JsonObject> =>
  fc
    .record({
      spec: validSpec,
      main: parametersOf('pgbouncer', version),
      database: parametersOf('databases', version),
      user: parametersOf('users', version),
    })
    .map(({ spec, main, database, user }) => ({
      ...spec,
      image: 'pgbouncer:test',
      parameters: main,
      ...(spec['databases'] === undefined
        ? {}
        : {
            databases: records(spec['databases']).map((item) => {
              const { load_balance_hosts: order, ...others } = database;
              const free = order === undefined || item['fallbackBackend'] !== undefined ? others : database;
              return { ...item, parameters: free };
            }),
          }),
      ...(spec['users'] === undefined
        ? {}
        : { users: records(spec['users']).map((item) => ({ ...item, parameters: user })) }),
    }));
