/** `spec.users`: who may log in, with limits of their own. */
import { clients, identifier, parameters, poolMode, secretKeyRef, servers, serversOrZero, time } from './shapes.ts';

export const user = {
  type: 'object',
  description: 'A user that may log in, and its own limits.',
  required: ['name'],
  properties: {
    name: {
      ...identifier,
      description: 'Name of the user, the same in PostgreSQL.',
    },
    passwordSecretRef: secretKeyRef(
      "The key of a Secret, in the pooler's namespace, that holds the password: as plain text, or as the SCRAM verifier or md5 hash that the server has. Default: the password is in a userlist or found by the query of `auth`.",
    ),
    poolMode: { ...poolMode, description: "Overrides the database's pool mode for this user." },
    poolSize: {
      ...servers,
      description: 'pool_size of this user, per database, in ONE replica (PgBouncer 1.23 and newer).',
    },
    reservePoolSize: {
      ...serversOrZero,
      description:
        'Extra server connections of this user, per database, for clients that wait long, in ONE replica (reserve_pool_size, PgBouncer 1.24 and newer).',
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
      description:
        'Queries that run longer are cancelled, and their clients disconnected (query_timeout, PgBouncer 1.24 and newer).',
    },
    idleTransactionTimeout: {
      ...time,
      description:
        'Clients idle in a transaction for longer are disconnected (idle_transaction_timeout, PgBouncer 1.24 and newer).',
    },
    transactionTimeout: {
      ...time,
      description:
        'Transactions that take longer are ended, and their clients disconnected (transaction_timeout, PgBouncer 1.25 and newer).',
    },
    clientIdleTimeout: {
      ...time,
      description:
        'Clients that send nothing for longer are disconnected (client_idle_timeout, PgBouncer 1.24 and newer).',
    },
    parameters: parameters('[users]'),
  },
} as const;
