/** `spec.backends`: the PostgreSQL servers. */
import { dnsLabel, servers } from './shapes.ts';

/** A name or IPv4 address, or IPv6, which has two colons at least: what has one has a port in it. */
const host = {
  type: 'string',
  minLength: 1,
  maxLength: 253,
  pattern: '^([A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9.])?|[A-Fa-f0-9]*:[A-Fa-f0-9]*:[A-Fa-f0-9:.]*)$',
} as const;

/** Or a Unix socket in the pod: its directory, or its abstract name. With the file in it, Linux takes 107 bytes. */
const hostOrSocket = {
  ...host,
  pattern: `${host.pattern.slice(0, -2)}|[/@][-A-Za-z0-9._/]{1,90})$`,
} as const;

export const backend = {
  type: 'object',
  description: 'A PostgreSQL server: exactly one of `host`, `hosts`, `service` and `cnpgCluster`.',
  properties: {
    name: {
      type: 'string',
      default: 'primary',
      pattern: dnsLabel,
      maxLength: 63,
      description: 'What databases call this backend.',
    },
    host: {
      ...hostOrSocket,
      description:
        'Host name or address of the server. A name of the outside is looked for below every search domain of the cluster first; a dot at its end spares that. Or the directory of a Unix socket, `/run/postgresql`, that a sidecar shares with PgBouncer, or the name of an abstract one, `@proxy`: there, nothing is encrypted, whatever `tls.server` says.',
    },
    hosts: {
      type: 'array',
      minItems: 1,
      maxItems: 16,
      items: host,
      description:
        'Several servers that are one to clients: each new server connection goes to the next of them, in turn. They are not checked, so one that is down costs a failed attempt each time its turn comes; `parameters: {load_balance_hosts: disable}` of a database (PgBouncer 1.24 and newer) stays with one until it fails.',
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
    cnpgCluster: {
      type: 'object',
      description: 'A Cluster of CloudNativePG in this Kubernetes cluster: the Service that it keeps for a role.',
      required: ['name'],
      properties: {
        name: {
          type: 'string',
          pattern: dnsLabel,
          // What CloudNativePG allows; the Service of the role has three characters more.
          maxLength: 50,
          description: 'Name of the Cluster.',
        },
        namespace: {
          type: 'string',
          pattern: dnsLabel,
          maxLength: 63,
          description: "Namespace of the Cluster; default: the pooler's.",
        },
        role: {
          type: 'string',
          enum: ['rw', 'ro', 'r'],
          default: 'rw',
          description: 'rw: the primary. ro: the replicas. r: any instance.',
        },
      },
    },
    port: {
      type: 'integer',
      minimum: 1,
      maximum: 65535,
      default: 5432,
      description: 'Port of the server; one for all `hosts`.',
    },
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
