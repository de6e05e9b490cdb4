/** The shapes that fields of several parts of the specification share. */

export const noControlCharacters = '^[^\\x00-\\x1f\\x7f-\\x9f]*$';
/** A name of PostgreSQL's, which cuts longer ones off. */
export const identifier = { type: 'string', minLength: 1, maxLength: 63, pattern: noControlCharacters } as const;
export const dnsLabel = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
/** As many digits as parseDuration reads. */
export const duration = '^([0-9]{1,6}h)?([0-9]{1,8}m)?([0-9]{1,9}s)?$';

export const poolMode = {
  type: 'string',
  enum: ['transaction', 'session', 'statement'],
} as const;

/** Server connections, and clients: as much as the table of settings allows. */
export const servers = { type: 'integer', minimum: 1, maximum: 100000 } as const;
export const serversOrZero = { type: 'integer', minimum: 0, maximum: 100000 } as const;
export const clients = { type: 'integer', minimum: 1, maximum: 1000000 } as const;
export const time = { type: 'string', pattern: duration, minLength: 2, maxLength: 16 } as const;

export const secretName = {
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  maxLength: 253,
} as const;
export const secretKey = { type: 'string', pattern: '^[-._a-zA-Z0-9]+$', maxLength: 253 } as const;

export const secretKeyRef = (description: string) =>
  ({
    type: 'object',
    description,
    required: ['name', 'key'],
    properties: {
      name: { ...secretName, description: 'Name of the Secret.' },
      key: { ...secretKey, description: 'Key inside the Secret.' },
    },
  }) as const;

/** A lookup of passwords: who asks, where, and what. */
export const lookup = (description: string, where: string) =>
  ({
    type: 'object',
    description,
    required: ['userSecretRef'],
    properties: {
      userSecretRef: {
        type: 'object',
        description:
          "A Secret, in the pooler's namespace, whose keys `username` and `password` are the login that asks (auth_user). No client may log in as it unless it is listed in `users` too.",
        required: ['name'],
        properties: {
          name: { ...secretName, description: 'Name of the Secret.' },
        },
      },
      database: { ...identifier, description: where },
      sql: {
        type: 'string',
        minLength: 1,
        maxLength: 1024,
        pattern: noControlCharacters,
        description:
          'The query (auth_query): one row of two columns, name and password, for the user $1. Default: SELECT uname, phash FROM pooler.user_lookup($1), the function that `pooler sql` prints.',
      },
    },
  }) as const;

export const passwordSecretRef = secretKeyRef(
  "The key of a Secret, in the pooler's namespace, that holds the password as plain text.",
);

export const parameters = (section: string) =>
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

export const stringMap = {
  type: 'object',
  maxProperties: 64,
  additionalProperties: { type: 'string', maxLength: 4096 },
} as const;
