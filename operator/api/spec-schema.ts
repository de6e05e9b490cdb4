/**
 * The one literal that describes `spec`: the CRD, the TypeScript types, the validator and the API reference are all
 * derived from it. Only what the API server can check without knowing replicas, versions or the server stands here;
 * the rest is in the rules. Each part of `spec` has its own file in `schema/`.
 */
import { auth } from './schema/auth.ts';
import { backend } from './schema/backends.ts';
import { connectionSecret } from './schema/connection-secrets.ts';
import { database } from './schema/databases.ts';
import { rollout } from './schema/rollout.ts';
import { service } from './schema/service.ts';
import { clients, parameters, poolMode, servers, serversOrZero } from './schema/shapes.ts';
import { template } from './schema/template.ts';
import { tls } from './schema/tls.ts';
import { user } from './schema/users.ts';

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
    connectionSecrets: {
      type: 'array',
      description: 'Secrets that the operator writes for applications, each with everything they need to connect.',
      maxItems: 32,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: connectionSecret,
    },
    auth,
    tls,
    parameters: parameters('[pgbouncer]'),
    rollout,
    service,
    template,
  },
} as const;
