/**
 * Who decides a setting: a typed field of the spec, the operator itself, or the user through `parameters`. A setting
 * that is named here in neither way is free.
 */
import type { Section } from './settings.ts';

export type Ownership =
  | { readonly kind: 'field'; readonly field: string }
  | { readonly kind: 'reserved'; readonly why: string }
  | { readonly kind: 'free' };

type Names = Readonly<Record<string, string>>;

const FIELDS: Readonly<Record<Section, Names>> = {
  pgbouncer: {
    max_client_conn: 'spec.maxClientConnections',
    pool_mode: 'spec.defaults.poolMode',
    default_pool_size: 'spec.defaults.poolSize',
    min_pool_size: 'spec.defaults.minPoolSize',
    reserve_pool_size: 'spec.defaults.reservePoolSize',
    auth_type: 'spec.auth.type',
    auth_hba_file: 'spec.auth.hba',
    auth_ident_file: 'spec.auth.ident',
    auth_ldap_options: 'spec.auth.ldap',
    auth_file: 'spec.auth.userlistSecretRefs',
    auth_query: 'spec.auth.query.sql',
    auth_dbname: 'spec.auth.query.database',
    auth_user: 'spec.auth.query.userSecretRef',
    admin_users: 'spec.auth.adminUsers',
    stats_users: 'spec.auth.statsUsers',
    ...tlsFields('client'),
    ...tlsFields('server'),
  },
  databases: {
    host: 'spec.backends[].host',
    port: 'spec.backends[].port',
    dbname: 'spec.databases[].dbname',
    user: 'spec.databases[].serverUser',
    password: 'spec.databases[].serverUser',
    pool_mode: 'spec.databases[].poolMode',
    pool_size: 'spec.databases[].poolSize',
    min_pool_size: 'spec.databases[].minPoolSize',
    reserve_pool: 'spec.databases[].reservePoolSize',
    reserve_pool_size: 'spec.databases[].reservePoolSize',
    max_db_connections: 'spec.databases[].maxServerConnections',
    max_db_client_connections: 'spec.databases[].maxClientConnections',
    server_lifetime: 'spec.databases[].serverLifetime',
    connect_query: 'spec.databases[].connectQuery',
    auth_user: 'spec.databases[].authQuery.userSecretRef',
    auth_dbname: 'spec.databases[].authQuery.database',
    auth_query: 'spec.databases[].authQuery.sql',
  },
  users: {
    pool_mode: 'spec.users[].poolMode',
    pool_size: 'spec.users[].poolSize',
    reserve_pool_size: 'spec.users[].reservePoolSize',
    max_user_connections: 'spec.users[].maxServerConnections',
    max_user_client_connections: 'spec.users[].maxClientConnections',
    query_timeout: 'spec.users[].queryTimeout',
    idle_transaction_timeout: 'spec.users[].idleTransactionTimeout',
    transaction_timeout: 'spec.users[].transactionTimeout',
    client_idle_timeout: 'spec.users[].clientIdleTimeout',
  },
  peers: {},
};

const LOGS = 'the container logs to its standard error';
const TLS_PARAMETERS = 'OpenSSL chooses the best one by itself';
const SOCKET = "the pod's probes use the Unix socket";
const PEERS = 'peers are the pods that run, which only the operator knows';

const RESERVED: Readonly<Record<Section, Names>> = {
  pgbouncer: {
    client_tls_dheparams: TLS_PARAMETERS,
    client_tls_ecdhcurve: TLS_PARAMETERS,
    conffile: 'every process reads the files that the operator hands it',
    job_name: 'it names a service of the operating system, and a container is none',
    service_name: 'it names a service of the operating system, and a container is none',
    listen_addr: 'the Service finds PgBouncer on every address of the pod',
    listen_port: 'the Service and the console find PgBouncer on one port',
    logfile: LOGS,
    syslog: LOGS,
    syslog_facility: LOGS,
    syslog_ident: 'it carries the revision of the configuration, by which a reload is proved',
    peer_id: PEERS,
    pidfile: 'PgBouncer is the first process of its container',
    resolv_conf: 'the pod has the name servers of the cluster',
    so_reuseport: 'one container runs one process: raise `spec.replicas` instead',
    unix_socket_dir: SOCKET,
    unix_socket_group: SOCKET,
    unix_socket_mode: SOCKET,
    verbose: 'from 1 on, PgBouncer writes the passwords of everybody who logs in into its log',
    user: 'the container runs as a user without privileges already',
  },
  databases: {},
  users: {},
  peers: { host: PEERS, port: PEERS, pool_size: PEERS },
};

/** @param name of a setting that exists */
export function ownershipOf(section: Section, name: string): Ownership {
  const field = FIELDS[section][name];
  if (field !== undefined) return { kind: 'field', field };
  const why = RESERVED[section][name];
  return why === undefined ? { kind: 'free' } : { kind: 'reserved', why };
}

function tlsFields(side: 'client' | 'server'): Names {
  const field = `spec.tls.${side}`;
  const certificate = side === 'client' ? `${field}.secretRef` : `${field}.certificateSecretRef`;
  return {
    [`${side}_tls_sslmode`]: `${field}.mode`,
    [`${side}_tls_ca_file`]: `${field}.caSecretRef`,
    [`${side}_tls_cert_file`]: certificate,
    [`${side}_tls_key_file`]: certificate,
    [`${side}_tls_protocols`]: `${field}.minVersion`,
    [`${side}_tls_ciphers`]: `${field}.ciphers`,
    [`${side}_tls13_ciphers`]: `${field}.tls13Ciphers`,
  };
}
