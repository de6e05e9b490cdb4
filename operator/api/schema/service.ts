/** `spec.service`: the Service that applications connect to. */
import { stringMap } from './shapes.ts';

export const service = {
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
} as const;
