/**
 * A real pgbouncer on the files that the operator renders, in front of a real server: who can log in, and who cannot.
 * Only what names the container is changed: directories, port and address.
 */
import { Socket } from 'node:net';
import { Client, type ClientConfig } from 'pg';
import { formatFault } from '../../api/fault.ts';
import type { SecretKeyRef } from '../../api/types.ts';
import {
  type Files,
  type Place,
  type RealPgbouncer,
  type RealVersion,
  startPgbouncer,
  versionOf,
} from '../../console/testing/real-pgbouncer.ts';
import { includeOf as includeAt } from '../../console/testing/sample.ts';
import { holdersOf } from '../budget.ts';
import { type Config, planConfig } from '../config.ts';
import { PASSWORDS, validated } from './planned.ts';
import { relocated } from './real-files.ts';

/** `name/key` → what stands there. */
export type Secrets = Readonly<Record<string, string>>;

/** @throws Error with the faults of the spec */
export function configOf(real: RealVersion, spec: object, secrets: Secrets = {}): Config {
  const result = validated(spec);
  if (result.spec === undefined) throw new Error(result.faults.map(formatFault).join('\n'));
  const { config, faults, tls } = planConfig({
    spec: result.spec,
    name: 'pooler',
    namespace: 'shop',
    version: versionOf(real),
    holders: holdersOf(result.spec.replicas, 0),
    passwords: PASSWORDS,
    revisionKey: 'key of the revision',
    lookup: ({ name, key }: SecretKeyRef) => {
      const value = secrets[`${name}/${key}`];
      return value === undefined ? { found: false, problem: 'does not exist' } : { found: true, value };
    },
  });
  if (config === undefined)
    throw new Error(
      [...faults.spec, ...faults.budget, ...faults.credentials, ...tls.faults.certificates].map(formatFault).join('\n'),
    );
  return config;
}

export function filesAt(place: Place, { files, revision }: Config): Files {
  const ours = Object.entries(files).map(([name, text]) => [
    name,
    relocated(text, place.directory)
      .replace(/^listen_addr = .*$/m, 'listen_addr = 127.0.0.1')
      .replace(/^listen_port = .*$/m, `listen_port = ${place.port}`),
  ]);
  return { ...Object.fromEntries(ours), 'pgbouncer.ini': includeAt(place, revision) };
}

export const serve = (real: RealVersion, config: Config): Promise<RealPgbouncer> =>
  startPgbouncer(real, (place) => filesAt(place, config));

/** As whom the server knows the client; or why it was turned away. */
export async function loginTo(
  bouncer: Pick<RealPgbouncer, 'port'>,
  { database = 'app', ...client }: ClientConfig & { readonly user: string },
): Promise<string> {
  const connection = new Client({
    host: '127.0.0.1',
    port: bouncer.port,
    connectionTimeoutMillis: 10_000,
    database,
    ...client,
    // As a function: one that is missing would be taken from the environment instead.
    password: () => Promise.resolve(typeof client.password === 'string' ? client.password : ''),
  });
  connection.on('error', () => undefined);
  try {
    await connection.connect();
    if (database === 'pgbouncer') return String((await connection.query('SHOW VERSION')).rows[0]?.version);
    return String((await connection.query('SELECT current_user AS me')).rows[0]?.me);
  } catch (error) {
    return `refused: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await connection.end().catch(() => undefined);
  }
}

/** A connection that comes from this address of the machine: all of 127.0.0.0/8 is. */
export function connectFrom(localAddress: string): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  return Object.assign(socket, { connect: (port: number, host: string) => connect({ port, host, localAddress }) });
}
