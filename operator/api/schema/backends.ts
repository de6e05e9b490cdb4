/** `spec.backends`: the PostgreSQL servers. */
import { dnsLabel, servers } from './shapes.ts';

export const backend = {
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
