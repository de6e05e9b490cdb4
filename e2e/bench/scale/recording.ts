/** Records what a real PgBouncer says, once for each run: simulated ones answer in its words. */
import { openSession } from '../../../operator/console/session.ts';
import { type RealVersion, startPgbouncer } from '../../../operator/console/testing/real-pgbouncer.ts';
import type { Recording } from './console.ts';

/** Everything that the operator asks a console. */
const WORDS = ['VERSION', 'CONFIG', 'DATABASES', 'USERS', 'POOLS', 'STATS', 'LISTS', 'STATE'] as const;

export async function record(version: RealVersion): Promise<Recording> {
  const password = 'recording';
  const real = await startPgbouncer(version, ({ directory, port }) => ({
    'pgbouncer.ini': [
      '[databases]',
      'app = host=127.0.0.1 port=1',
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      `unix_socket_dir = ${directory}`,
      'auth_type = scram-sha-256',
      `auth_file = ${directory}/userlist`,
      'admin_users = poolkeeper',
      '',
    ].join('\n'),
    userlist: `"poolkeeper" "${password}"\n`,
  }));
  try {
    const session = await openSession({ host: '127.0.0.1', port: real.port, user: 'poolkeeper', password });
    const rows = new Map<string, Awaited<ReturnType<typeof session.show>>>();
    for (const word of WORDS) rows.set(word, await session.show(word));
    await session.close();
    return rows;
  } finally {
    await real.stop();
  }
}
