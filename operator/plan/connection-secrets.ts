/**
 * The Secrets that applications connect with. Their password is read from the userlist that the pods were proved on, so
 * that no application can have a password before PgBouncer does; host, port and the way past the pooler come from the
 * rendered configuration and the Service.
 */
import { createHash, createHmac } from 'node:crypto';
import { ANNOTATION_CONTENT, ANNOTATION_INPUTS, LABEL_ROLE, PORT } from '../api/names.ts';
import type { ConnectionPooler, ConnectionSecret } from '../api/types.ts';
import { classifySecret, parseUserlist } from '../pgbouncer/userlist.ts';
import { backendHost, isSocket } from './backend-host.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Config, Rendered } from './config.ts';
import { type ConnectionValues, fillTemplate, passwordFileLine, urlHost } from './connection-template.ts';
import { statedIn } from './main-section.ts';
import { encode, metadataOf, type PlannedObject } from './objects.ts';

/** Raised when the same inputs make other content, so that what stands in clusters is written anew. */
const BUILDER = 1;

/** Everything but the password, as far as the configuration knows it. */
function valuesOf(pooler: ConnectionPooler, rendered: Rendered, wanted: ConnectionSecret): ConnectionValues {
  const entry = ['*', wanted.database].reduce<Readonly<Record<string, string>>>(
    (found, name) => rendered.ini.databases.find((database) => database.name === name)?.params ?? found,
    {},
  );
  const { databases = [], backends } = pooler.spec;
  const written = databases.find(({ name }) => name === wanted.database) ?? databases.find(({ name }) => name === '*');
  const fallback = backends.find(({ name }) => name === written?.fallbackBackend);
  const instead = fallback && `,${backendHost(fallback, pooler.metadata.namespace ?? 'default')}`;
  const hosts = entry['host'] ?? '';
  return {
    user: wanted.user,
    password: '',
    host: `${pooler.metadata.name}.${pooler.metadata.namespace ?? 'default'}.svc`,
    port: String(pooler.spec.service?.port ?? PORT),
    database: wanted.database,
    sslmode: sslmodeOf(rendered),
    // The backend itself: who goes past the pooler wants to know where to, and few drivers take a list.
    'direct-host': instead !== undefined && hosts.endsWith(instead) ? hosts.slice(0, -instead.length) : hosts,
    'direct-port': entry['port'] ?? '5432',
    'direct-database': entry['dbname'] ?? wanted.database,
  };
}

/**
 * What a client asks for to get what PgBouncer offers. Never verify-full: a driver then looks for the authority in a file,
 * and only the application knows where it has put `ca.crt`.
 */
function sslmodeOf({ settings }: Rendered): string {
  const offered = statedIn(settings)('client_tls_sslmode') ?? 'disable';
  if (offered === 'disable') return 'disable';
  return offered === 'allow' || offered === 'prefer' ? 'prefer' : 'require';
}

/** The keys that every connection Secret has; names as in Service Binding, libpq and other operators' Secrets. */
function standardKeys(values: ConnectionValues, authority: string | undefined): Readonly<Record<string, string>> {
  const fill = (template: string): string => fillTemplate(template, values);
  const tls = values.sslmode === 'require' ? 'sslmode=require' : '';
  const direct = values['direct-host']
    .split(',')
    .map((host) => `${urlHost(host)}:${values['direct-port']}`)
    .join(',');
  const { password, 'direct-host': directHost, 'direct-port': port, 'direct-database': database, ...shown } = values;
  const wayPast: Readonly<Record<string, string>> = isSocket(directHost)
    ? {}
    : {
        'direct-host': directHost,
        'direct-port': port,
        'direct-database': database,
        'direct-uri': `postgresql://${fill('{user}:{password}')}@${direct}/${fill('{direct-database}')}`,
      };
  return {
    type: 'postgresql',
    provider: 'poolkeeper',
    ...shown,
    password,
    username: values.user,
    dbname: values.database,
    uri: fill(`postgresql://{user}:{password}@{host}:{port}/{database}${tls && `?${tls}`}`),
    'jdbc-uri': fill(`jdbc:postgresql://{host}:{port}/{database}?user={user}&password={password}${tls && `&${tls}`}`),
    pgpass: passwordFileLine([values.host, values.port, values.database, values.user, password]),
    ...(authority !== undefined && { 'ca.crt': authority }),
    ...wayPast,
  };
}

/**
 * A hash of everything that a connection Secret is made of.
 * @param password stands for the password: the version of the Secret that holds it
 */
export function connectionInputs(
  pooler: ConnectionPooler,
  rendered: Rendered,
  wanted: ConnectionSecret,
  password: string,
): string {
  const parts = [
    BUILDER,
    pooler.metadata.uid,
    valuesOf(pooler, rendered, wanted),
    wanted.keys ?? {},
    password,
    ...(rendered.authority === undefined ? [] : [rendered.authority]),
  ];
  return createHash('sha256').update(canonicalJson(parts)).digest('hex').slice(0, 16);
}

export interface ConnectionSecretInput {
  readonly pooler: ConnectionPooler;
  readonly wanted: ConnectionSecret;
  readonly config: Rendered & Pick<Config, 'files'>;
  readonly revisionKey: string;
  /** See connectionInputs; unknown offline. */
  readonly inputs?: string | undefined;
}

/** @returns undefined when the user has no plain password in the configuration, which its faults have said */
export function connectionSecret(input: ConnectionSecretInput): PlannedObject | undefined {
  const { pooler, wanted, config, revisionKey, inputs } = input;
  const userlist = parseUserlist(config.files[`${config.revision}.userlist`] ?? '');
  const password = userlist.ok ? userlist.entries.find(({ name }) => name === wanted.user)?.password : undefined;
  if (password === undefined || classifySecret(password) !== 'plain') return undefined;
  const values = { ...valuesOf(pooler, config, wanted), password };
  const own = Object.entries(wanted.keys ?? {}).map(([key, template]) => [key, fillTemplate(template, values)]);
  const data = encode({ ...standardKeys(values, config.authority), ...Object.fromEntries(own) });
  const base = metadataOf(pooler, wanted.name);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...base,
      labels: { ...base.labels, [LABEL_ROLE]: 'connection' },
      annotations: {
        ...(inputs === undefined ? {} : { [ANNOTATION_INPUTS]: inputs }),
        [ANNOTATION_CONTENT]: contentOf(data, revisionKey),
      },
    },
    type: 'servicebinding.io/postgresql',
    data,
  };
}

/** Keyed, so that it is no oracle for the password. */
const contentOf = (data: Readonly<Record<string, string>>, revisionKey: string): string =>
  createHmac('sha256', revisionKey).update(canonicalJson(data)).digest('hex').slice(0, 16);

/** Whether a connection Secret holds what the operator wrote into it, told without the Secrets it was made of. */
export const isIntactConnection = (
  secret: {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly data?: Readonly<Record<string, string>>;
  },
  revisionKey: string,
): boolean => secret.metadata.annotations?.[ANNOTATION_CONTENT] === contentOf(secret.data ?? {}, revisionKey);
