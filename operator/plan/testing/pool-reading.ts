import type { PoolReading } from '../fleet.ts';

/** What a console shows of a pool that nobody uses. */
export const pool = (fields: Partial<PoolReading> = {}): PoolReading => ({
  database: 'app',
  user: 'app',
  mode: 'transaction',
  clientsActive: 0,
  clientsWaiting: 0,
  serversActive: 0,
  serversIdle: 0,
  serversOther: 0,
  serversLogin: 0,
  maxWaitSeconds: 0,
  ...fields,
});
