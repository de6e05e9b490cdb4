/**
 * What fills the settings that a user leaves open: a profile's sizes and timeouts, and Poolkeeper's conservative
 * defaults. Every value stands here once, so that `render` and the documents cannot disagree.
 */
import type { PoolMode, Profile } from '../api/types.ts';

export interface ProfileDefaults {
  readonly poolMode?: PoolMode;
  readonly poolSize?: number;
  readonly reservePoolSize?: number;
  readonly maxClientConnections?: number;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Sizes per replica. `balanced` never changes what SQL may do, so it leaves the pool mode at PgBouncer's `session`;
 * the two that promise speed pool by transaction.
 */
export const PROFILES = {
  balanced: {
    poolSize: 30,
    reservePoolSize: 10,
    maxClientConnections: 1000,
    settings: { query_wait_timeout: '60' },
  },
  highThroughput: {
    poolMode: 'transaction',
    poolSize: 50,
    reservePoolSize: 10,
    maxClientConnections: 2000,
    settings: { query_wait_timeout: '30' },
  },
  lowLatency: {
    poolMode: 'transaction',
    poolSize: 20,
    reservePoolSize: 5,
    maxClientConnections: 500,
    settings: { query_wait_timeout: '5', server_idle_timeout: '300' },
  },
  pgbouncer: { settings: {} },
} as const satisfies Record<Profile, ProfileDefaults>;

export interface DefaultSetting {
  readonly key: string;
  readonly value: string;
  /** The first PgBouncer that knows the key; absent for all supported ones. */
  readonly since?: string;
  /** Why PgBouncer's own default does not serve in a cluster. */
  readonly why: string;
}

/** Sockets, logging and TLS mode: rendered under every profile. */
export const ALWAYS: readonly DefaultSetting[] = [
  { key: 'log_connections', value: '0', why: 'a line for each login is expensive under reconnect load' },
  { key: 'log_disconnections', value: '0', why: 'as log_connections' },
  { key: 'log_stats', value: '0', why: 'the operator exports the statistics' },
  { key: 'client_tls_sslmode', value: 'disable', why: 'written out, so that no upgrade changes it' },
  { key: 'server_tls_sslmode', value: 'prefer', why: 'its default differs between 1.18 and 1.20' },
];

/**
 * Retries, timeouts and keepalives, and defaults that changed between versions, so that an image that changes changes
 * nothing else: rendered under every profile but `pgbouncer`.
 */
export const CONSERVATIVE: readonly DefaultSetting[] = [
  { key: 'server_login_retry', value: '1', why: '15 s turns a blip of the server into 15 s of refused queries' },
  { key: 'server_connect_timeout', value: '5', why: 'a silent server is noticed before clients give up' },
  { key: 'server_lifetime', value: '600', why: 'connections to a demoted primary do not live for an hour' },
  { key: 'server_idle_timeout', value: '300', why: 'connections nobody needs go back to the server' },
  { key: 'dns_max_ttl', value: '5', why: 'Services and failovers change addresses' },
  { key: 'dns_nxdomain_ttl', value: '1', why: 'a hiccup of DNS is forgotten at once' },
  { key: 'tcp_keepalive', value: '1', why: 'the keepalive below needs it' },
  { key: 'tcp_keepidle', value: '30', why: "the kernel's two hours outlive every load balancer" },
  { key: 'tcp_keepintvl', value: '10', why: 'as tcp_keepidle' },
  { key: 'tcp_keepcnt', value: '3', why: 'as tcp_keepidle' },
  { key: 'tcp_user_timeout', value: '30000', why: 'a peer that died without a word is noticed in 30 s' },
  { key: 'client_login_timeout', value: '15', why: 'half-open clients do not hold slots for a minute' },
  { key: 'cancel_wait_timeout', value: '10', since: '1.19', why: 'written out' },
  { key: 'max_prepared_statements', value: '200', since: '1.21', why: 'off by default before 1.24' },
  { key: 'server_check_query', value: 'select 1', why: 'an empty query by default since 1.25' },
  // Not `default`, a word that means another list before 1.21 than after it.
  { key: 'client_tls_ciphers', value: 'HIGH:!aNULL', why: 'its default differs between 1.20 and 1.21' },
  { key: 'server_tls_ciphers', value: 'HIGH:!aNULL', why: 'as client_tls_ciphers' },
];

/** Startup parameters that drivers send and PgBouncer cannot forward; the user's list is joined to it. */
export const IGNORED_STARTUP_PARAMETERS: readonly string[] = ['extra_float_digits', 'options'];
