/**
 * Mistakes that users make, one in each document: the API server and `validatePooler` must both refuse it, and both
 * must name the field.
 */
import { type JsonObject, poolerOf } from './json.ts';

export interface BadInput {
  readonly what: string;
  readonly document: JsonObject;
  /** The path of the fault, as `validate` prints it. */
  readonly path: string;
  /** What the API server's message says, where it is not the path itself: CEL can point at a list at most. */
  readonly apiServer?: RegExp;
}

const HOST = { host: 'pg' } as const;
const REF = { name: 'app-db', key: 'password' } as const;

const inSpec = (what: string, fields: object, path: string, apiServer?: RegExp): BadInput => ({
  what,
  document: poolerOf({ backends: [HOST], ...fields }),
  path,
  ...(apiServer && { apiServer }),
});
const inDatabase = (what: string, fields: object, path: string, apiServer?: RegExp): BadInput =>
  inSpec(what, { databases: [{ name: 'app', ...fields }] }, `spec.databases[0].${path}`, apiServer);
/** A database that falls back from one backend to another. */
const inFallback = (what: string, fields: object, second: object, path: string, apiServer?: RegExp): BadInput =>
  inSpec(
    what,
    {
      backends: [HOST, { name: 'second', host: 'b', ...second }],
      databases: [{ name: 'app', backend: 'primary', fallbackBackend: 'second', ...fields }],
    },
    `spec.databases[0].${path}`,
    apiServer,
  );
const inAuth = (what: string, fields: object, path: string, apiServer?: RegExp): BadInput =>
  inSpec(what, { auth: fields }, `spec.auth.${path}`, apiServer);
const inUser = (what: string, fields: object, path: string, apiServer?: RegExp): BadInput =>
  inSpec(what, { users: [{ name: 'app', passwordSecretRef: REF, ...fields }] }, `spec.users[0].${path}`, apiServer);
const inBackend = (what: string, fields: object, path: string, apiServer?: RegExp): BadInput =>
  inSpec(
    what,
    { backends: [{ ...HOST, ...fields }], databases: [{ name: 'app' }] },
    `spec.backends[0].${path}`,
    apiServer,
  );
const named = (what: string, name: string, apiServer = /the name becomes the name of a Service/): BadInput => ({
  what,
  document: poolerOf({ backends: [HOST] }, name),
  path: 'metadata.name',
  apiServer,
});

const inConnection = (what: string, fields: object, path: string, apiServer?: RegExp): BadInput =>
  inSpec(
    what,
    {
      databases: [{ name: 'app' }],
      users: [{ name: 'app', passwordSecretRef: REF }],
      connectionSecrets: [{ name: 'app-uri', user: 'app', database: 'app', ...fields }],
    },
    `spec.connectionSecrets[0].${path}`,
    apiServer,
  );

const CONTROL_CHARACTERS = { newline: '\n', 'carriage return': '\r', NUL: '\0', tab: '\t', DEL: '\x7f', C1: '\u0085' };

const inTls = (what: string, tls: object, path: string, apiServer?: RegExp): BadInput =>
  inSpec(what, { tls }, `spec.tls.${path}`, apiServer);
const PAIR = { secretRef: { name: 'app-tls' } } as const;

export const BAD_INPUT: readonly BadInput[] = [
  // Encryption.
  inTls('a mode that does not exist', { client: { ...PAIR, mode: 'on' } }, 'client.mode'),
  inTls(
    'a name of the certificate twice',
    { client: { mode: 'require', certificate: { issuerRef: { name: 'ca' }, dnsNames: ['db', 'pg', 'db'] } } },
    'client.certificate.dnsNames',
    /dnsNames\[2\]: Duplicate/,
  ),
  inTls('TLS for clients without a certificate', { client: { mode: 'require' } }, 'client', /need a certificate/),
  inTls(
    'two certificates to serve',
    { client: { ...PAIR, mode: 'require', certificate: { issuerRef: { name: 'ca' } } } },
    'client',
    /not from both/,
  ),
  inTls('clients verified by nobody', { client: { ...PAIR, mode: 'verify-ca' } }, 'client.caSecretRef', /caSecretRef/),
  inTls('servers verified by nobody', { server: { mode: 'verify-full' } }, 'server.caSecretRef', /caSecretRef/),
  inTls(
    'servers verified by an empty list',
    { server: { mode: 'verify-full', caSecretRefs: [] } },
    'server.caSecretRef',
    /caSecretRef/,
  ),
  inTls(
    'no version of TLS for clients',
    { client: { ...PAIR, mode: 'require', minVersion: '1.3', maxVersion: '1.2' } },
    'client.minVersion',
    /no TLS is left/,
  ),
  inTls(
    'no version of TLS for servers',
    { server: { mode: 'prefer', minVersion: '1.3', maxVersion: '1.2' } },
    'server.minVersion',
    /no TLS is left/,
  ),
  inTls('a version of TLS that is broken', { server: { mode: 'prefer', minVersion: '1.0' } }, 'server.minVersion'),
  inTls('ciphers with a line break', { server: { mode: 'prefer', ciphers: 'HIGH\nx' } }, 'server.ciphers'),
  inTls(
    'a certificate without an issuer',
    { client: { mode: 'require', certificate: {} } },
    'client.certificate.issuerRef',
  ),

  // What must be there.
  { what: 'no spec', document: { ...poolerOf({}), spec: null }, path: 'spec' },
  { what: 'no backends', document: poolerOf({}), path: 'spec.backends' },
  { what: 'an empty list of backends', document: poolerOf({ backends: [] }), path: 'spec.backends' },
  inSpec('an empty list of databases', { databases: [] }, 'spec.databases'),
  inSpec('a database without a name', { databases: [{ dbname: 'app' }] }, 'spec.databases[0].name'),
  inDatabase('an empty name of a database', { name: '' }, 'name'),
  inUser('a reference without a key', { passwordSecretRef: { name: 'x' } }, 'passwordSecretRef.key'),
  inBackend('a Service without a name', { host: null, service: {} }, 'service.name'),
  inDatabase('a user of the server without a password', { serverUser: { name: 'x' } }, 'serverUser.passwordSecretRef'),

  // Types.
  inSpec('replicas as text', { replicas: '3' }, 'spec.replicas'),
  inSpec('half a replica', { replicas: 1.5 }, 'spec.replicas'),
  inSpec('a switch as text', { suspend: 'true' }, 'spec.suspend'),
  inSpec('databases as a map', { databases: { app: {} } }, 'spec.databases'),
  inSpec('a database as text', { databases: ['app'] }, 'spec.databases[0]'),
  inSpec('nothing in a list', { databases: [null] }, 'spec.databases[0]'),
  inSpec('a parameter that is a list', { parameters: { server_lifetime: [1] } }, 'spec.parameters.server_lifetime'),
  inSpec('a parameter that is a fraction', { parameters: { server_lifetime: 1.5 } }, 'spec.parameters.server_lifetime'),
  inSpec('a parameter that is a switch', { parameters: { tcp_keepalive: true } }, 'spec.parameters.tcp_keepalive'),
  inSpec('a parameter beyond all numbers', { parameters: { pkt_buf: 1e30 } }, 'spec.parameters.pkt_buf'),
  inSpec(
    'a label that is a number',
    { template: { metadata: { labels: { a: 1 } } } },
    'spec.template.metadata.labels.a',
  ),
  inBackend('a budget that is a fraction', { connectionBudget: 1.5 }, 'connectionBudget'),

  // Ranges.
  inSpec('fewer replicas than none', { replicas: -1 }, 'spec.replicas'),
  inSpec('too many replicas', { replicas: 101 }, 'spec.replicas'),
  inSpec('no clients at all', { maxClientConnections: 0 }, 'spec.maxClientConnections'),
  inDatabase('a pool of none, which would mean unlimited', { poolSize: 0 }, 'poolSize'),
  inDatabase('a pool larger than PgBouncer takes', { poolSize: 100_001 }, 'poolSize'),
  inDatabase('a reserve of less than none', { reservePoolSize: -1 }, 'reservePoolSize'),
  inDatabase('a budget of none', { connectionBudget: 0 }, 'connectionBudget'),
  inBackend('a port that there is not', { port: 65_536 }, 'port'),
  inBackend('a budget of no connection', { connectionBudget: 0 }, 'connectionBudget'),
  inSpec('a port of the Service that there is not', { service: { port: 0 } }, 'spec.service.port'),
  inDatabase('a name that is too long', { name: 'x'.repeat(64) }, 'name'),
  inDatabase('a query that is too long', { connectQuery: 'x'.repeat(1025) }, 'connectQuery'),
  inSpec('an image that is too long', { image: 'x'.repeat(513) }, 'spec.image'),
  inSpec(
    'more backends than 16',
    { backends: Array.from({ length: 17 }, (_, index) => ({ name: `b${index}`, host: 'pg' })) },
    'spec.backends',
  ),
  inSpec(
    'more parameters than 64',
    { parameters: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`p${index}`, 1])) },
    'spec.parameters',
  ),

  // Words.
  inSpec('a profile that there is not', { profile: 'fast' }, 'spec.profile'),
  inDatabase('a state that there is not', { state: 'paused' }, 'state'),
  inBackend(
    'a role that there is not',
    { host: null, cnpgCluster: { name: 'a', role: 'primary' } },
    'cnpgCluster.role',
  ),
  inDatabase('a pool mode that there is not', { poolMode: 'Transaction' }, 'poolMode'),
  inUser('a pool mode of a user that there is not', { poolMode: '' }, 'poolMode'),
  inSpec('an auth type that there is not', { auth: { type: 'any' } }, 'spec.auth.type'),
  inSpec('a type of Service that there is not', { service: { type: 'ExternalName' } }, 'spec.service.type'),

  inAuth('no line at all', { hba: [] }, 'hba'),
  inAuth('a line that is empty', { hba: [''] }, 'hba[0]'),
  inAuth('a line that is two', { hba: ['host all all 10.0.0.0/8 md5\nhost all all ::/0 trust'] }, 'hba[0]'),
  inAuth('a map with a control character', { ident: ['m \0 app'] }, 'ident[0]'),
  inAuth('more lines than anybody reads', { hba: Array.from({ length: 129 }, () => 'x') }, 'hba'),
  inAuth('a list without a key', { userlistSecretRefs: [{ name: 'x' }] }, 'userlistSecretRefs[0].key'),
  inAuth('a query that nobody asks', { query: {} }, 'query.userSecretRef'),
  inAuth('a query with a line break', { query: { userSecretRef: { name: 'x' }, sql: 'a\nb' } }, 'query.sql'),
  inAuth('a directory without options', { ldap: {} }, 'ldap.options'),
  inAuth('a user of the console that is two', { adminUsers: ['a,b'] }, 'adminUsers[0]'),
  inAuth('a user of the console with a space', { statsUsers: ['a b'] }, 'statsUsers[0]'),

  // Patterns; the API server has RE2, and JavaScript its own.
  ...Object.entries(CONTROL_CHARACTERS).flatMap(([what, character]) => [
    inDatabase(`a ${what} in the name of a database`, { name: `a${character}b` }, 'name'),
    inDatabase(`a ${what} at the end of a dbname`, { dbname: `app${character}` }, 'dbname'),
    inDatabase(`a ${what} in a query`, { connectQuery: `SELECT 1;${character}admin_users=x` }, 'connectQuery'),
    inDatabase(
      `a ${what} in the name of a server's user`,
      { serverUser: { name: `a${character}b`, passwordSecretRef: REF } },
      'serverUser.name',
    ),
    inUser(`a ${what} in the name of a user`, { name: `${character}app` }, 'name'),
    inSpec(
      `a ${what} in a parameter`,
      { parameters: { application_name_add_host: `0${character}` } },
      'spec.parameters.application_name_add_host',
    ),
    inBackend(`a ${what} in a host`, { host: `pg${character}` }, 'host'),
    inSpec(`a ${what} in an image`, { image: `x${character}` }, 'spec.image'),
  ]),
  inBackend('a list of hosts', { host: 'a,b' }, 'host'),
  inBackend('a host with its port', { host: 'pg.example.com:5432' }, 'host'),
  inBackend('an address with its port', { host: '10.0.0.1:5432' }, 'host'),
  inBackend('one of several hosts with its port', { host: null, hosts: ['a', 'b:5432'] }, 'hosts[1]'),
  inDatabase('a duration of more hours than anybody waits', { serverLifetime: '9999999h' }, 'serverLifetime'),
  inSpec(
    'a drain of more hours than can be counted',
    { rollout: { databaseDrain: '9999999h' } },
    'spec.rollout.databaseDrain',
  ),
  inConnection('a Secret with a hole in its name', { name: 'a..b' }, 'name'),
  inConnection('a key that leads upwards', { keys: { '..': '{user}' } }, 'keys', /a key of a Secret holds only/),
  inConnection('a key that is a directory', { keys: { '.': '{user}' } }, 'keys', /a key of a Secret holds only/),
  inBackend('an empty list of hosts', { host: null, hosts: [] }, 'hosts'),
  inBackend('two hosts in one', { host: null, hosts: ['a', 'b,c'] }, 'hosts[1]'),
  inBackend('a line break between hosts', { host: null, hosts: ['a\nadmin_users=x'] }, 'hosts[0]'),
  inBackend('a cluster with a dot', { host: null, cnpgCluster: { name: 'a.b' } }, 'cnpgCluster.name'),
  inBackend('a cluster without a name', { host: null, cnpgCluster: { role: 'rw' } }, 'cnpgCluster.name'),
  inBackend('a host with a space', { host: 'pg password=x' }, 'host'),
  inBackend('a backend that is no label', { name: 'Primary' }, 'name'),
  inBackend('a Service that is no label', { host: null, service: { name: 'a.b' } }, 'service.name'),
  inBackend('a share of nothing', { connectionBudget: '0%' }, 'connectionBudget'),
  inBackend('a share of more than all', { connectionBudget: '101%' }, 'connectionBudget'),
  inBackend('a share without a sign', { connectionBudget: '80' }, 'connectionBudget'),
  inSpec('an image with a space that is none for RE2', { image: 'a\u00a0b:1.26.1' }, 'spec.image'),
  inSpec('a version with a zero in front', { version: '1.026.1' }, 'spec.version'),
  inSpec('a version of another program', { version: '2.0' }, 'spec.version'),
  inDatabase('a duration without a unit', { serverLifetime: '90' }, 'serverLifetime'),
  inDatabase('a duration in milliseconds', { serverLifetime: '90ms' }, 'serverLifetime'),
  inDatabase('a duration in the wrong order', { serverLifetime: '30m1h' }, 'serverLifetime'),
  inDatabase('a duration in other digits', { serverLifetime: '٣s' }, 'serverLifetime'),
  inUser('a duration with a line break', { queryTimeout: '1s\n' }, 'queryTimeout'),
  inUser(
    'a Secret with a path for a name',
    { passwordSecretRef: { name: '../x', key: 'k' } },
    'passwordSecretRef.name',
  ),
  inUser('a key with a path for a name', { passwordSecretRef: { name: 'x', key: 'a/b' } }, 'passwordSecretRef.key'),

  // Rules between fields.
  inBackend('a backend with two addresses', { service: { name: 'pg' } }, '', /each backend has exactly one of host/),
  inBackend('a host and a list of hosts', { hosts: ['a', 'b'] }, '', /each backend has exactly one of host/),
  inBackend('a host and a cluster', { cnpgCluster: { name: 'pg' } }, '', /each backend has exactly one of host/),
  inBackend('a backend without an address', { host: null }, '', /each backend has exactly one of host/),
  inDatabase('"*" that is paused', { name: '*', state: 'Paused' }, 'state', /no database of its own/),
  inDatabase('"*" that is disabled', { name: '*', state: 'Disabled' }, 'state', /no database of its own/),
  inDatabase('a database called as the console', { name: 'pgbouncer' }, 'name', /cannot be called pgbouncer/),
  inDatabase('a backend that there is not', { backend: 'other' }, 'backend', /names a backend that is not/),
  inDatabase('a fallback that there is not', { fallbackBackend: 'other' }, 'fallbackBackend', /names another backend/),
  inDatabase('a fallback to itself', { fallbackBackend: 'primary' }, 'fallbackBackend', /names another backend/),
  inFallback('a fallback to the same of two', { fallbackBackend: 'primary' }, {}, 'fallbackBackend', /names another/),
  inFallback('a fallback on another port', {}, { port: 6432 }, 'fallbackBackend', /have the same port/),
  inFallback(
    'a fallback, and an order of hosts',
    { parameters: { load_balance_hosts: 'disable' } },
    {},
    'parameters.load_balance_hosts',
    /fallbackBackend decides/,
  ),
  inFallback('"*" that falls back to a budget', { name: '*' }, { connectionBudget: 9 }, 'name', /cannot cap "\*"/),
  inSpec(
    'a database that does not say which backend',
    { backends: [HOST, { name: 'second', host: 'b' }], databases: [{ name: 'app' }] },
    'spec.databases[0].backend',
    /each database says which one/,
  ),
  inSpec(
    'a budget and no database',
    { backends: [{ ...HOST, connectionBudget: 9 }] },
    'spec.backends[0].connectionBudget',
    /cannot cap "\*"/,
  ),
  inDatabase('a budget of "*"', { name: '*', connectionBudget: 9 }, 'connectionBudget', /cannot cap "\*"/),
  inSpec(
    '"*" on a backend with a budget',
    { backends: [{ ...HOST, connectionBudget: 9 }], databases: [{ name: '*' }] },
    'spec.databases[0].name',
    /cannot cap "\*"/,
  ),
  inUser("the operator's own name", { name: 'poolkeeper' }, 'name', /belong to the operator/),
  inUser("the proof's own name", { name: 'poolkeeper_proof' }, 'name', /belong to the operator/),
  inDatabase(
    "the operator's own name on the server",
    { serverUser: { name: 'poolkeeper_stats', passwordSecretRef: REF } },
    'serverUser.name',
    /belong to the operator/,
  ),

  inConnection('a connection for somebody who is no user', { user: 'nobody' }, 'user', /is for one of spec\.users/),
  inConnection('a connection to no database', { database: 'other' }, 'database', /is for one of spec\.databases/),
  inConnection('a connection to the console', { database: 'pgbouncer' }, 'database', /is for one of spec\.databases/),
  inConnection('a key that no Secret may have', { keys: { 'a b': '{user}' } }, 'keys', /a key of a Secret holds only/),
  inConnection('a key with a slash', { keys: { 'a/b': '{user}' } }, 'keys', /a key of a Secret holds only/),
  inConnection('a template with a placeholder that there is not', { keys: { dsn: '{passwort}' } }, 'keys.dsn'),
  inConnection('a template with a form that there is not', { keys: { dsn: '{password:plain}' } }, 'keys.dsn'),
  inConnection('a template with a brace that stays open', { keys: { dsn: 'a{b' } }, 'keys.dsn'),
  inConnection(
    "a connection Secret of the operator's own name",
    { name: 'app-admin' },
    'name',
    /the Secrets of the operator/,
  ),
  inConnection(
    'a connection Secret like a configuration',
    { name: 'app-config-1' },
    'name',
    /the Secrets of the operator/,
  ),
  inAuth('a type that cannot be combined with rules', { type: 'pam' }, 'type', /type pam is not there: PgBouncer/),
  inAuth('rules without a line', { type: 'hba' }, 'hba', /type hba needs lines in hba/),
  inAuth(
    'certificates that clients are not asked for',
    { type: 'cert' },
    'type',
    /type cert needs tls\.client\.mode verify-full/,
  ),
  inAuth('a directory that nobody named', { type: 'ldap' }, 'ldap', /type ldap needs ldap\.options/),
  inAuth(
    "the operator's own name for the console",
    { adminUsers: ['dba', 'poolkeeper'] },
    'adminUsers[1]',
    /belong to/,
  ),
  inAuth("the operator's own name for statistics", { statsUsers: ['poolkeeper_stats'] }, 'statsUsers[0]', /belong to/),

  // Each name once.
  inSpec(
    'two connection Secrets of one name',
    {
      users: [{ name: 'app', passwordSecretRef: REF }],
      connectionSecrets: [1, 2].map(() => ({ name: 'uri', user: 'app', database: 'app' })),
    },
    'spec.connectionSecrets[1].name',
    /spec\.connectionSecrets\[1\]: Duplicate/,
  ),
  inSpec(
    'two backends of one name',
    { backends: [HOST, { host: 'b' }] },
    'spec.backends[1].name',
    /spec\.backends\[1\]: Dup/,
  ),
  inSpec(
    'two databases of one name',
    { databases: [{ name: 'app' }, { name: 'app', dbname: 'x' }] },
    'spec.databases[1].name',
    /spec\.databases\[1\]: Duplicate/,
  ),
  inSpec(
    'two users of one name',
    { users: ['a', 'b', 'a'].map((name) => ({ name, passwordSecretRef: REF })) },
    'spec.users[2].name',
    /spec\.users\[2\]: Duplicate/,
  ),

  // What nobody knows.
  inSpec('a field that there is not', { replica: 3 }, 'spec.replica'),
  inSpec('a field that objects inherit', { constructor: {} }, 'spec.constructor'),
  inDatabase('a field of a database that there is not', { pool_size: 3 }, 'pool_size'),
  inSpec('a field of a later release', { laterRelease: {} }, 'spec.laterRelease'),
  { what: 'a field beside spec', document: { ...poolerOf({ backends: [HOST] }), specs: {} }, path: 'specs' },

  // The name becomes a Service's.
  named('a name with a dot', 'a.b'),
  named('a name that begins with a digit', '1a'),
  named('a name that is too long', 'a'.repeat(51)),
  named('a name in capitals', 'App', /metadata\.name/),
  named('a name that ends with a hyphen', 'a-', /metadata\.name/),
  named('a name with a line break', 'a\n', /metadata\.name/),
].map((input) => ({ ...input, path: input.path.replace(/\.$/, '') }));
