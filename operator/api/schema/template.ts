/** `spec.template`: what the user adds to the pods. */
import { stringMap } from './shapes.ts';

const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as const;

export const template = {
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
