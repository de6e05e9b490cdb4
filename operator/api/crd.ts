/** Builds the CustomResourceDefinition from the schema literals and the rules between fields. */

import {
  CROSS_RULES,
  NAME_LIMIT,
  NAME_MESSAGE,
  NAME_PATTERN,
  SECRET_NAMES_MESSAGE,
  SECRET_NAMES_RULE,
} from './cross-rules.ts';
import { API_GROUP, API_VERSION, KIND, POOLERS } from './names.ts';
import { specSchema } from './spec-schema.ts';
import { statusSchema } from './status-schema.ts';

/** The columns of `kubectl get cpool`. */
const PRINTER_COLUMNS = [
  {
    name: 'Ready',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    description: 'Whether all replicas serve the specification, proved.',
  },
  { name: 'Replicas', type: 'string', jsonPath: '.status.readyReplicas', description: 'Pods that answer.' },
  {
    name: 'Synced',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="ConfigSynced")].status',
    description: 'Whether every replica was proved to run the configuration.',
  },
  {
    name: 'Waiting',
    type: 'integer',
    jsonPath: '.status.clientsWaiting',
    description: 'Clients that wait for a server connection.',
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Age of the object.' },
  {
    name: 'Reason',
    type: 'string',
    priority: 1,
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    description: 'Why it is or is not ready.',
  },
  {
    name: 'Revision',
    type: 'string',
    priority: 1,
    jsonPath: '.status.config.revision',
    description: 'The proved configuration.',
  },
  { name: 'Version', type: 'string', priority: 1, jsonPath: '.status.version', description: 'The PgBouncer version.' },
] as const;

/** The CRD as a plain object, ready to be printed as YAML. */
export function customResourceDefinition(): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `connectionpoolers.${API_GROUP}`, labels: { 'app.kubernetes.io/name': 'poolkeeper' } },
    spec: {
      group: API_GROUP,
      scope: 'Namespaced',
      names: {
        kind: KIND,
        listKind: `${KIND}List`,
        plural: POOLERS.plural,
        singular: 'connectionpooler',
        shortNames: ['cpool'],
        categories: ['poolkeeper'],
      },
      versions: [
        {
          name: API_VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: PRINTER_COLUMNS,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description:
                'A ConnectionPooler is a fleet of PgBouncer replicas behind a Service, kept provably on one configuration.',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: {
                  ...specSchema,
                  'x-kubernetes-validations': CROSS_RULES.map((rule) => ({
                    rule: rule.cel,
                    message: rule.message,
                    fieldPath: rule.fieldPath,
                  })),
                },
                status: statusSchema,
              },
              'x-kubernetes-validations': [
                {
                  rule: `self.metadata.name.matches('${NAME_PATTERN}') && self.metadata.name.size() <= ${NAME_LIMIT}`,
                  message: NAME_MESSAGE,
                },
                { rule: SECRET_NAMES_RULE, message: SECRET_NAMES_MESSAGE, fieldPath: '.spec.connectionSecrets' },
              ],
            },
          },
        },
      ],
    },
  };
}
