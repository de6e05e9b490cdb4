/** `spec.rollout`: how changes reach the pods. */
import { time } from './shapes.ts';

export const rollout = {
  type: 'object',
  description: 'How changes reach the pods.',
  properties: {
    restart: {
      type: 'string',
      enum: ['Automatic', 'Manual'],
      default: 'Automatic',
      description:
        'What happens to a change that only a restart of PgBouncer brings about. Automatic: the pods are replaced, one at a time. Manual: it waits, named by the condition RestartRequired, until the annotation kubectl.kubernetes.io/restartedAt of this object changes, or the pods are replaced for another reason.',
    },
    databaseDrain: {
      ...time,
      description:
        'How long what is under way in a database that is being removed may take: at once nobody can log in to it, running transactions are finished, and sessions (poolMode: session) end. Then its clients are disconnected. Default: "30s"; "0s" removes at once.',
    },
  },
} as const;
