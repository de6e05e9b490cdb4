/** JSON logs to standard output, written synchronously: no line is lost when the process ends. */
import { destination, type Logger, pino } from 'pino';

export type { Logger };

/** Whatever a caller puts into a line by mistake: these keys never leave the process. */
const SECRET_KEYS = [
  'password',
  'data',
  'stringData',
  'token',
  'authorization',
  '*.password',
  '*.data',
  '*.stringData',
  '*.token',
  '*.authorization',
];

export const createLogger = (level: string): Logger =>
  pino(
    {
      level,
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_KEYS, censor: '[redacted]' },
    },
    destination({ fd: 1, sync: true }),
  );
