/** Decides every entry of [databases] and [users]: typed fields, the budget's share, and `parameters`. */
import type { Fault } from '../api/fault.ts';
import type { Backend, Database, PoolerSpec, User } from '../api/types.ts';
import { parseDuration } from '../pgbouncer/duration.ts';
import { checkParameter } from '../pgbouncer/parameter.ts';
import { findSetting, type Section } from '../pgbouncer/settings.ts';
import { byteLength, MAX_DATABASE_BYTES, MAX_ROLE_BYTES, quoteKey } from '../pgbouncer/text.ts';
import { checkValue } from '../pgbouncer/value.ts';
import { atLeast, formatVersion, type Version } from '../pgbouncer/version.ts';
import { backendHost } from './backend-host.ts';
import { type Budget, backendsOf } from './budget.ts';
import { canNameItself, lookupEntry, lookupSql, lookupsOf, ownLookupPath } from './lookups.ts';
import type { EffectiveSetting } from './main-section.ts';
import { type PoolSizes, planPoolSizes } from './pool-sizes.ts';

export interface Entry {
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
}

/** An entry with the source of each of its values, for `explain` and `plan`. */
export interface EffectiveEntry {
  readonly name: string;
  readonly settings: readonly EffectiveSetting[];
}

export const entryOf = (entries: readonly EffectiveEntry[], name: string): EffectiveEntry | undefined =>
  entries.find((entry) => entry.name === name);

interface Entries {
  readonly entries: readonly Entry[];
  readonly effective: readonly EffectiveEntry[];
  readonly faults: readonly Fault[];
}

/** Without `databases`, everything goes to the first backend under its own name. */
const EVERYTHING: readonly Database[] = [{ name: '*' }];

export const databasesOf = (spec: PoolerSpec): readonly Database[] => spec.databases ?? EVERYTHING;

interface Surroundings {
  /** Of the pooler: a Service without one is looked for there. */
  readonly namespace: string;
  /** See Credentials; undefined while no Secret is read. */
  readonly serverPasswords?: ReadonlyMap<string, string> | undefined;
  /** See KnownFromSecrets. */
  readonly lookupUsers?: ReadonlyMap<string, string> | undefined;
}

export function planDatabases(
  spec: PoolerSpec,
  version: Version,
  budget: Budget,
  { namespace, serverPasswords, lookupUsers }: Surroundings,
): Entries {
  const faults: Fault[] = [];
  const sections = databasesOf(spec).map((database, index): Params => {
    const path = `spec.databases[${index}]`;
    const section = new Params('databases', version, path, database.name);
    section.name(database.name, `${path}.name`);
    section.length(database.name, `${path}.name`, MAX_DATABASE_BYTES);
    section.length(database.dbname, `${path}.dbname`, MAX_DATABASE_BYTES);
    const backends = backendsOf(spec, database);
    const [backend, fallback] = backends.map((one) => `spec.backends[${spec.backends.indexOf(one)}]`);
    section.set(
      'host',
      backends.map((one) => backendHost(one, namespace)).join(',') || undefined,
      backends.map((one, index) => `${index === 0 ? backend : fallback}.${addressField(one)}`).join(', '),
    );
    section.set('port', backends[0]?.port, `${backend}.port`);
    // Its default, written out; before 1.24 there is nothing else.
    if ((backends[0]?.hosts?.length ?? 0) > 1 && atLeast(version, '1.24'))
      section.set('load_balance_hosts', 'round-robin', `${backend}.hosts`);
    // The first that works, and the next when it fails.
    section.field('fallbackBackend', 'load_balance_hosts', fallback && 'disable', { stated: database.fallbackBackend });
    if (database.dbname !== undefined) section.field('dbname', 'dbname', database.dbname);
    else if (database.name !== '*') section.field('name', 'dbname', database.name);
    section.length(database.serverUser?.name, `${path}.serverUser.name`, MAX_ROLE_BYTES);
    section.field('serverUser.name', 'user', database.serverUser?.name);
    section.set('password', serverPasswords?.get(database.name), `${path}.serverUser.passwordSecretRef`);
    section.lookup(spec, index, lookupUsers);
    const { sizes, faults: sizeFaults } = planPoolSizes(
      database,
      budget.shares.get(database.name),
      spec.defaults?.minPoolSize,
      path,
    );
    const derived = budget.sources.get(database.name) ?? 'budget';
    const size = (field: keyof PoolSizes, key: string): void =>
      section.field(field, key, sizes[field], { source: database[field] === undefined ? derived : undefined });
    section.field('poolMode', 'pool_mode', database.poolMode);
    size('poolSize', 'pool_size');
    size('minPoolSize', 'min_pool_size');
    size('reservePoolSize', atLeast(version, '1.24') ? 'reserve_pool_size' : 'reserve_pool');
    size('maxServerConnections', 'max_db_connections');
    section.field('maxClientConnections', 'max_db_client_connections', database.maxClientConnections);
    section.duration('serverLifetime', 'server_lifetime', database.serverLifetime);
    section.field('connectQuery', 'connect_query', database.connectQuery);
    section.parameters(database.parameters);
    faults.push(...sizeFaults, ...section.faults);
    return section;
  });
  return { ...entriesOf(sections), faults };
}

/** A user without limits of its own has no line in [users]: its line in the userlist is enough. */
export function planUsers(spec: PoolerSpec, version: Version): Entries {
  const faults: Fault[] = [];
  const sections = (spec.users ?? []).flatMap((user: User, index): readonly Params[] => {
    const path = `spec.users[${index}]`;
    const section = new Params('users', version, path, user.name);
    section.length(user.name, `${path}.name`, MAX_ROLE_BYTES);
    section.field('poolMode', 'pool_mode', user.poolMode);
    section.field('poolSize', 'pool_size', user.poolSize);
    section.field('reservePoolSize', 'reserve_pool_size', user.reservePoolSize);
    section.field('maxServerConnections', 'max_user_connections', user.maxServerConnections);
    section.field('maxClientConnections', 'max_user_client_connections', user.maxClientConnections);
    section.duration('queryTimeout', 'query_timeout', user.queryTimeout);
    section.duration('idleTransactionTimeout', 'idle_transaction_timeout', user.idleTransactionTimeout);
    section.duration('transactionTimeout', 'transaction_timeout', user.transactionTimeout);
    section.duration('clientIdleTimeout', 'client_idle_timeout', user.clientIdleTimeout);
    section.parameters(user.parameters);
    if (section.settings.size > 0) section.name(user.name, `${path}.name`);
    faults.push(...section.faults);
    return section.settings.size === 0 ? [] : [section];
  });
  return { ...entriesOf(sections), faults };
}

const addressField = (backend: Backend): string | undefined =>
  (['host', 'hosts', 'service', 'cnpgCluster'] as const).find((field) => backend[field] !== undefined);

const entriesOf = (sections: readonly Params[]): Pick<Entries, 'entries' | 'effective'> => {
  const effective = sections.map(({ entry, settings }) => ({ name: entry, settings: [...settings.values()] }));
  return {
    effective,
    entries: effective.map(({ name, settings }) => ({
      name,
      params: Object.fromEntries(settings.map(({ key, value }) => [key, value])),
    })),
  };
};

/** The parameters of one entry while they are gathered, with the faults of those that cannot be. */
class Params {
  readonly settings = new Map<string, EffectiveSetting>();
  readonly faults: Fault[] = [];
  readonly entry: string;
  readonly #section: Section;
  readonly #version: Version;
  readonly #path: string;

  constructor(section: Section, version: Version, path: string, entry: string) {
    this.#section = section;
    this.#version = version;
    this.#path = path;
    this.entry = entry;
  }

  /** The name of an entry: it must be one that this PgBouncer can read back. */
  name(name: string, path: string): void {
    if (quoteKey(name, this.#version) === undefined) {
      this.faults.push({
        path,
        value: name,
        problem: `has characters that PgBouncer ${formatVersion(this.#version)} cannot read in a name`,
        remedy: 'use letters, digits and _.-, or PgBouncer 1.25 and newer, which read all but quotes',
      });
    }
  }

  length(name: string | undefined, path: string, limit: number): void {
    if (name === undefined || byteLength(name) <= limit) return;
    this.faults.push({
      path,
      value: name,
      problem: `has ${byteLength(name)} bytes`,
      remedy: `shorten it to ${limit}`,
    });
  }

  /** @param source see EffectiveSetting */
  set(key: string, value: string | number | undefined, source: string): void {
    if (value !== undefined) this.settings.set(key, { key, value: String(value), source });
  }

  /**
   * A typed field: refused with the version it needs when this PgBouncer does not know the key.
   * @param stated how the user wrote it, for the fault
   * @param source when the value does not come from the field itself
   */
  field(
    field: string,
    key: string,
    value: string | number | undefined,
    {
      stated = value,
      source,
    }: { readonly stated?: string | number | undefined; readonly source?: string | undefined } = {},
  ): void {
    if (value === undefined) return;
    const setting = findSetting(this.#section, key);
    if (setting !== undefined && !atLeast(this.#version, setting.since)) {
      this.faults.push({
        path: `${this.#path}.${field}`,
        value: stated,
        problem: `needs PgBouncer ${setting.since} or newer, and the image has ${formatVersion(this.#version)}`,
        remedy: 'use a newer image, or remove it',
      });
      return;
    }
    const fault = setting && checkValue(setting, String(value));
    if (fault) this.faults.push({ path: `${this.#path}.${field}`, value: stated, ...fault });
    else this.set(key, value, source ?? `${this.#path}.${field}`);
  }

  /** What an entry has that is asked for passwords in another way than the rest; versions are judged in auth-faults.ts. */
  lookup(spec: PoolerSpec, index: number, users: ReadonlyMap<string, string> | undefined): void {
    const path = ownLookupPath(index);
    const own = lookupsOf(spec).find((lookup) => lookup.path === path);
    if (own === undefined) return;
    this.set('auth_user', users?.get(path), `${path}.userSecretRef`);
    const entry = lookupEntry(spec, own)?.name;
    if (entry !== undefined) this.set('auth_dbname', entry, `${path}.database`);
    // Else the query would run where that of all databases does, or did: PgBouncer keeps that over a RELOAD.
    else if (atLeast(this.#version, '1.19') && canNameItself(this.entry)) this.set('auth_dbname', this.entry, path);
    if (atLeast(this.#version, '1.22')) this.set('auth_query', lookupSql(own), `${path}.sql`);
  }

  duration(field: string, key: string, value: string | undefined): void {
    if (value === undefined) return;
    const seconds = parseDuration(value);
    if (seconds === undefined || seconds < 1) {
      this.faults.push({
        path: `${this.#path}.${field}`,
        value,
        problem: 'is not a duration',
        remedy: 'write whole seconds and up: "90s", "30m", "1h30m"',
      });
      return;
    }
    const { max } = findSetting(this.#section, key) ?? {};
    if (max !== undefined && seconds > max) {
      const remedy = `give at most ${Math.floor(max / 3600)}h`;
      this.faults.push({ path: `${this.#path}.${field}`, value, problem: 'is too long', remedy });
      return;
    }
    this.field(field, key, seconds, { stated: value });
  }

  parameters(stated: Readonly<Record<string, string | number>> | undefined): void {
    for (const [key, value] of Object.entries(stated ?? {})) {
      const path = `${this.#path}.parameters.${key}`;
      const fault = checkParameter({ section: this.#section, key, value, version: this.#version, path });
      if (fault) this.faults.push(fault);
      else this.set(key, value, path);
    }
  }
}
