/** `spec.databases`: what clients ask for, and where it leads. */
import {
  clients,
  dnsLabel,
  identifier,
  lookup,
  noControlCharacters,
  parameters,
  passwordSecretRef,
  poolMode,
  servers,
  serversOrZero,
  time,
} from './shapes.ts';

export const database = {
  type: 'object',
  description: 'One entry of [databases]: a name that clients ask for, and where it leads.',
  required: ['name'],
  properties: {
    name: {
      ...identifier,
      description:
        'What clients ask for. `*` stands for every other name; `pgbouncer` is the admin console and refused.',
    },
    backend: {
      type: 'string',
      pattern: dnsLabel,
      maxLength: 63,
      description: 'Name of the backend; may be left out when there is only one.',
    },
    fallbackBackend: {
      type: 'string',
      pattern: dnsLabel,
      maxLength: 63,
      description:
        'Name of the backend that takes over when `backend` cannot be reached, on the same port (PgBouncer 1.24 and newer). Each pool of each replica goes there by itself, and stays until a login there fails or its pod is replaced. Its connections count against the budgets of both.',
    },
    dbname: {
      ...identifier,
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
          ...identifier,
          description: 'PostgreSQL role.',
        },
        passwordSecretRef,
      },
    },
    authQuery: lookup(
      'How passwords of users that stand nowhere else are looked up for clients of this entry, instead of by auth.query: in the name of a login of its own (auth_user), where backends have different ones.',
      'The database on the server of this entry in which the query runs (auth_dbname, PgBouncer 1.19 and newer): the entry of this name on the same backend. When there is none, one is made, with a pool of 2, closed to clients; on a backend that is not the first it is called `<database>.<backend>`. Default: the database that the client asked for.',
    ),
    state: {
      type: 'string',
      enum: ['Enabled', 'Paused', 'Disabled'],
      description:
        'Enabled (default): clients are served. Paused: clients stay and wait, for query_wait_timeout at most, and server connections are given back. Disabled: new clients are turned away, and those that are there go on. `*` has no state of its own.',
    },
    parameters: parameters('[databases]'),
  },
} as const;
