/** The one literal that describes `status`. Lists that several writers never share are atomic; conditions are a map. */

const condition = {
  type: 'object',
  description: 'One observation, in the shape of metav1.Condition.',
  required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
  properties: {
    type: {
      type: 'string',
      description:
        'Ready, ConfigSynced, CredentialsValid, BackendReachable, BudgetValid and CertificatesValid are good when True; Reconciling, Stalled, PoolSaturated, ImageOutdated, RestartRequired and RuntimeOverride when False.',
    },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'], description: 'True, False or Unknown.' },
    reason: { type: 'string', description: 'One CamelCase word for machines.' },
    message: { type: 'string', description: 'A sentence for people: field, value, way out.' },
    observedGeneration: { type: 'integer', description: 'The generation this was observed at.' },
    lastTransitionTime: { type: 'string', format: 'date-time', description: 'When the status last changed.' },
  },
} as const;

const text = (description: string) => ({ type: 'string', description }) as const;
const whole = (description: string) => ({ type: 'integer', description }) as const;

export const statusSchema = {
  type: 'object',
  description: 'What was observed.',
  properties: {
    observedGeneration: whole('The generation that this status speaks of.'),
    replicas: whole('Pods that exist and are not being deleted.'),
    readyReplicas: whole('Pods that answer.'),
    selector: text('Label selector of the pods, for autoscalers.'),
    endpoint: {
      type: 'object',
      description: 'Where applications connect.',
      properties: { host: text('Host name of the Service.'), port: whole('Port of the Service.') },
    },
    version: text('The PgBouncer version that the pods answer with.'),
    clientsWaiting: whole('Clients of the whole fleet that wait for a server connection.'),
    config: {
      type: 'object',
      description: 'Which configuration runs.',
      properties: {
        revision: text('The proved revision: what every pod starts on.'),
        desiredRevision: text('The revision that the specification asks for.'),
        provedReplicas: whole('Pods that were proved to run the desired revision.'),
        lastProvedTime: { type: 'string', format: 'date-time', description: 'When the proved revision became so.' },
        failed: {
          type: 'object',
          description:
            'The revision that was refused and rolled back; not tried again until something it is made of changes.',
          properties: {
            revision: text('The refused revision.'),
            template: text('The template revision of the pods that refused it.'),
            reason: text('Why.'),
          },
        },
        restartRequired: {
          type: 'array',
          description: 'What only a restart of the pods would change.',
          'x-kubernetes-list-type': 'atomic',
          items: { type: 'string' },
        },
      },
    },
    budget: {
      type: 'array',
      description: 'The arithmetic of connections, a row for each backend with a budget.',
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        properties: {
          backend: text('Name of the backend.'),
          serverMaxConnections: whole('As stated.'),
          budget: whole('The ceiling of the fleet.'),
          committed: whole('The sum of the budgets of its databases.'),
          open: whole(
            'Server connections the fleet holds now; those of a database with a fallbackBackend are counted at both.',
          ),
        },
      },
    },
    pools: {
      type: 'array',
      description: 'Pools of the whole fleet, worst first, at most 50.',
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        properties: {
          database: text('Entry of [databases].'),
          user: text('User of the pool.'),
          mode: text('Pool mode.'),
          clientsActive: whole('Clients that are linked or idle.'),
          clientsWaiting: whole('Clients that wait for a server connection.'),
          serversActive: whole('Server connections in use.'),
          serversIdle: whole('Server connections at rest.'),
          poolSize: whole('Server connections that the pools of all replicas may open.'),
          utilization: whole('Percent of poolSize in use.'),
          maxWaitSeconds: whole('How long the first client in the queue has waited, in seconds.'),
          worst: {
            type: 'object',
            description: 'The replica with the fullest pool.',
            properties: { pod: text('Name of the pod.'), utilization: whole('Percent of its pool in use.') },
          },
        },
      },
    },
    poolsOmitted: whole('Pools that the list left out.'),
    pods: {
      type: 'array',
      description: 'The pods, at most 100.',
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        properties: {
          name: text('Name of the pod.'),
          revision: text('The revision that it was proved on.'),
          ready: { type: 'boolean', description: 'Whether it answers.' },
        },
      },
    },
    history: {
      type: 'array',
      description: 'The last ten proved revisions, newest first.',
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        properties: {
          revision: text('The revision.'),
          time: { type: 'string', format: 'date-time', description: 'When it was proved.' },
          generation: whole('The generation it came from.'),
        },
      },
    },
    certificates: {
      type: 'array',
      description: 'The certificates in use; of a bundle of authorities the one that counts for longest.',
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        properties: {
          field: text('The field that refers to it.'),
          secret: text('Name of the Secret.'),
          subject: text('Whose certificate it is.'),
          notAfter: { type: 'string', format: 'date-time', description: 'When it ends.' },
          sha256: text('Its fingerprint.'),
        },
      },
    },
    conditions: {
      type: 'array',
      description: 'Ready is the summary.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: condition,
    },
  },
} as const;
