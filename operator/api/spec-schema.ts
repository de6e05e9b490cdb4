/**
 * The one literal that describes `spec`: the CRD, the TypeScript types, the validator and the API reference are all
 * derived from it. Only what the API server can check without knowing replicas, versions or the server stands here;
 * the rest is in the rules.
 */

const noControlCharacters = '^[^\\x00-\\x1f\\x7f-\\x9f]*$';
const dnsLabel = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const duration = '^([0-9]+h)?([0-9]+m)?([0-9]+s)?$';

const poolMode = {
  type: 'string',
  enum: ['transaction', 'session', 'statement'],
} as const;

/** Server connections, and clients: as much as the table of settings allows. */
const servers = { type: 'integer', minimum: 1, maximum: 100000 } as const;
const serversOrZero = { type: 'integer', minimum: 0, maximum: 100000 } as const;
const clients = { type: 'integer', minimum: 1, maximum: 1000000 } as const;
const time = { type: 'string', pattern: duration, minLength: 2, maxLength: 16 } as const;

const passwordSecretRef = {
  type: 'object',
  description: "The key of a Secret, in the pooler's namespace, that holds the password as plain text.",
  required: ['name', 'key'],
  properties: {
    name: {
      type: 'string',
      pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
      maxLength: 253,
      description: 'Name of the Secret.',
    },
    key: { type: 'string', pattern: '^[-._a-zA-Z0-9]+$', maxLength: 253, description: 'Key inside the Secret.' },
  },
} as const;

const parameters = (section: string) =>
  ({
    type: 'object',
    description: `Any other key of ${section}, as PgBouncer spells it. Keys that have a field of their own, belong to the operator, or are newer than the PgBouncer version are refused. An integer or a string.`,
    maxProperties: 64,
    additionalProperties: {
      'x-kubernetes-int-or-string': true,
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      // Of an integer; PgBouncer has no larger ones, and JSON has integers that the API server does not take for one.
      minimum: -2147483648,
      maximum: 2147483647,
      maxLength: 1024,
      pattern: noControlCharacters,
    },
  }) as const;

const backend = {
  type: 'object',
  description: 'A PostgreSQL server: exactly one of `host` and `service`.',
  properties: {
    name: {
      type: 'string',
      default: 'primary',
      pattern: dnsLabel,
      maxLength: 63,
      description: 'What databases call this backend.',
    },
    host: {
      type: 'string',
      minLength: 1,
      maxLength: 253,
      pattern: '^[A-Za-z0-9]([-A-Za-z0-9._:]*[A-Za-z0-9.])?$',
      description: 'Host name or address of the server.',
    },
    service: {
      type: 'object',
      description: 'A Service of this cluster in front of the server.',
      required: ['name'],
      properties: {
        name: { type: 'string', pattern: dnsLabel, maxLength: 63, description: 'Name of the Service.' },
        namespace: {
          type: 'string',
          pattern: dnsLabel,
          maxLength: 63,
          description: "Namespace of the Service; default: the pooler's.",
        },
      },
    },
    port: { type: 'integer', minimum: 1, maximum: 65535, default: 5432, description: 'Port of the server.' },
    serverMaxConnections: {
      ...servers,
      description: "The server's max_connections, less what it reserves. Needed when the budget is a share of it.",
    },
    connectionBudget: {
      'x-kubernetes-int-or-string': true,
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      minimum: 1,
      maximum: 100000,
      pattern: '^([1-9][0-9]?|100)%$',
      description:
        'The most server connections that ALL replicas together may hold to this backend, also during a rollout: a number, or a share ("80%") of serverMaxConnections. It is a ceiling: sizes that break it are refused.',
    },
  },
} as const;

const database = {
  type: 'object',
  description: 'One entry of [databases]: a name that clients ask for, and where it leads.',
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      minLength: 1,
      maxLength: 63,
      pattern: noControlCharacters,
      description:
        'What clients ask for. `*` stands for every other name; `pgbouncer` is the admin console and refused.',
    },
    backend: {
      type: 'string',
      pattern: dnsLabel,
      maxLength: 63,
      description: 'Name of the backend; may be left out when there is only one.',
    },
    dbname: {
      type: 'string',
      minLength: 1,
      maxLength: 63,
      pattern: noControlCharacters,
      description: 'Name of the database on the server; default: the name.',
    },
    poolMode: { ...poolMode, description: 'When a server connection returns to the pool; default: spec.defaults.' },
    connectionBudget: {
      ...servers,
      description:
        'The most server connections that ALL replicas together may hold for this entry. Each replica is guaranteed an equal share: floor(budget / (replicas + 2)), so that a rollout stays inside it.',
    },
    poolSize: { ...servers, description: 'Server connections per user in ONE replica (pool_size).' },
    minPoolSize: {
      ...servers,
      description: 'Server connections kept open in ONE replica (min_pool_size); warm from the start with serverUser.',
    },
    reservePoolSize: {
      ...serversOrZero,
      description: 'Extra server connections for clients that wait long, in ONE replica (reserve_pool_size).',
    },
    maxServerConnections: {
      ...servers,
      description: 'The most server connections of this entry in ONE replica (max_db_connections).',
    },
    maxClientConnections: {
      ...clients,
      description:
        'The most clients of this entry in ONE replica (max_db_client_connections, PgBouncer 1.24 and newer).',
    },
    serverLifetime: {
      ...time,
      description:
        'A server connection is closed when it is unused and older than this (server_lifetime, PgBouncer 1.23 and newer): "90s", "30m", "1h30m".',
    },
    connectQuery: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      pattern: noControlCharacters,
      description: 'SQL that is run on every new server connection (connect_query).',
    },
    serverUser: {
      type: 'object',
      description:
        'The user of every server connection of this entry, whoever the client is. Clients may not log in as it unless it is listed in users too.',
      required: ['name', 'passwordSecretRef'],
      properties: {
        name: {
          type: 'string',
          minLength: 1,
          maxLength: 63,
          pattern: noControlCharacters,
          description: 'PostgreSQL role.',
        },
        passwordSecretRef,
      },
    },
    parameters: parameters('[databases]'),
  },
} as const;

const user = {
  type: 'object',
  description: 'A user that may log in, and its own limits.',
  required: ['name', 'passwordSecretRef'],
  properties: {
    name: {
      type: 'string',
      minLength: 1,
      maxLength: 63,
      pattern: noControlCharacters,
      description: 'Name of the user, the same in PostgreSQL.',
    },
    passwordSecretRef,
    poolMode: { ...poolMode, description: "Overrides the database's pool mode for this user." },
    poolSize: {
      ...servers,
      description: 'pool_size of this user, per database, in ONE replica (PgBouncer 1.23 and newer).',
    },
    maxServerConnections: {
      ...servers,
      description: 'The most server connections of this user in ONE replica (max_user_connections).',
    },
    maxClientConnections: {
      ...clients,
      description:
        'The most clients of this user in ONE replica (max_user_client_connections, PgBouncer 1.24 and newer).',
    },
    queryTimeout: {
      ...time,
      description: 'Queries that run longer are cancelled (query_timeout, PgBouncer 1.24 and newer).',
    },
    idleTransactionTimeout: {
      ...time,
      description:
        'Clients idle in a transaction for longer are disconnected (idle_transaction_timeout, PgBouncer 1.24 and newer).',
    },
    parameters: parameters('[users]'),
  },
} as const;

const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as const;
const stringMap = {
  type: 'object',
  maxProperties: 64,
  additionalProperties: { type: 'string', maxLength: 4096 },
} as const;

const template = {
  type: 'object',
  description:
    'Merged strategically into the pod template: labels, annotations, resources, scheduling and sidecars. The pgbouncer container itself cannot be removed or replaced.',
  properties: {
    metadata: {
      type: 'object',
      description: 'Labels and annotations of the pods, beside those of the operator.',
      properties: {
        labels: { ...stringMap, description: 'More labels. The names of the operator are refused.' },
        annotations: { ...stringMap, description: 'More annotations. The names of the operator are refused.' },
      },
    },
    spec: {
      ...anything,
      description:
        'affinity, containers, imagePullSecrets, nodeSelector, priorityClassName, runtimeClassName, schedulerName, tolerations, topologySpreadConstraints. Everything else needs an operator started with --pod-template=full.',
    },
  },
} as const;

export const specSchema = {
  type: 'object',
  description:
    "What the pooler shall be. Every size is what ONE PgBouncer gets, except connectionBudget, which is the fleet's.",
  required: ['backends'],
  properties: {
    replicas: {
      type: 'integer',
      minimum: 0,
      maximum: 100,
      default: 2,
      description: 'How many PgBouncer pods run. `kubectl scale` and autoscalers set it.',
    },
    suspend: {
      type: 'boolean',
      default: false,
      description: 'Hands off: the operator observes and reports, and writes nothing but status.',
    },
    image: {
      type: 'string',
      minLength: 1,
      maxLength: 512,
      // Not `\\s`: the API server and JavaScript do not mean the same spaces.
      pattern: '^[!-~]+$',
      description:
        'The PgBouncer image. Default: what the Deployment runs already, else the default of the operator, so that an upgrade of the operator restarts nothing.',
    },
    version: {
      type: 'string',
      pattern: '^1\\.(0|[1-9][0-9]{0,2})(\\.(0|[1-9][0-9]{0,2}))?$',
      maxLength: 12,
      description:
        'The PgBouncer version in the image, when its tag does not begin with one. It decides which settings exist, and is checked against SHOW VERSION.',
    },
    profile: {
      type: 'string',
      enum: ['balanced', 'highThroughput', 'lowLatency', 'pgbouncer'],
      default: 'balanced',
      description: 'Fills what is unset. `pgbouncer` keeps its own defaults.',
    },
    maxClientConnections: { ...clients, description: 'The most clients of ONE replica (max_client_conn).' },
    backends: {
      type: 'array',
      description: 'The PostgreSQL servers.',
      minItems: 1,
      maxItems: 16,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: backend,
    },
    defaults: {
      type: 'object',
      description: 'For databases that do not say otherwise.',
      properties: {
        poolMode: { ...poolMode, description: 'pool_mode.' },
        poolSize: { ...servers, description: 'default_pool_size, in ONE replica.' },
        minPoolSize: { ...servers, description: 'min_pool_size, in ONE replica.' },
        reservePoolSize: { ...serversOrZero, description: 'reserve_pool_size, in ONE replica.' },
      },
    },
    databases: {
      type: 'array',
      description: 'The entries of [databases]. Default: one `*` on the first backend.',
      minItems: 1,
      maxItems: 128,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: database,
    },
    users: {
      type: 'array',
      description: 'The users that may log in.',
      maxItems: 512,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: user,
    },
    auth: {
      type: 'object',
      description: 'How clients log in.',
      properties: {
        type: {
          type: 'string',
          enum: ['scram-sha-256', 'md5'],
          default: 'scram-sha-256',
          description: 'What clients are asked for. md5 also lets SCRAM clients in when the stored secret is one.',
        },
      },
    },
    parameters: parameters('[pgbouncer]'),
    service: {
      type: 'object',
      description: 'The Service that applications connect to.',
      properties: {
        type: {
          type: 'string',
          enum: ['ClusterIP', 'NodePort', 'LoadBalancer'],
          default: 'ClusterIP',
          description: 'Type of the Service.',
        },
        port: { type: 'integer', minimum: 1, maximum: 65535, default: 6432, description: 'Port of the Service.' },
        annotations: { ...stringMap, description: 'Annotations of the Service, for load balancers and the like.' },
        trafficDistribution: {
          type: 'string',
          enum: ['PreferClose', 'PreferSameZone', 'PreferSameNode'],
          description: 'Where traffic goes first; unset: everywhere alike.',
        },
      },
    },
    template,
  },
} as const;
