/** `spec.auth`: how clients log in. */

export const auth = {
  type: 'object',
  description: 'How clients log in.',
  properties: {
    type: {
      type: 'string',
      enum: ['scram-sha-256', 'md5'],
      default: 'scram-sha-256',
      description: 'What clients are asked for. md5 also lets SCRAM clients in when the stored secret is one.',
    },
  },
} as const;
