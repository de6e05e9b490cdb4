/** The types of the custom resource, derived from the schema literals. */
import type { FromSchema } from 'json-schema-to-ts';
import type { specSchema } from './spec-schema.ts';
import type { statusSchema } from './status-schema.ts';

/** The fields a schema names. A schema without additionalProperties also admits unknown ones; the types need not. */
type NamedKeys<T> = keyof { [Key in keyof T as string extends Key ? never : Key]: unknown };

/** Read-only all the way down; objects keep their named fields, maps stay maps. */
type Stored<T> = T extends readonly (infer Item)[]
  ? readonly Stored<Item>[]
  : T extends object
    ? [NamedKeys<T>] extends [never]
      ? { readonly [Key in keyof T]: Stored<T[Key]> }
      : { readonly [Key in keyof T as string extends Key ? never : Key]: Stored<T[Key]> }
    : T;

/** As the API server stores it: defaulted fields are there. */
export type PoolerSpec = Stored<FromSchema<typeof specSchema>>;
/** What the operator reports. */
export type PoolerStatus = Stored<FromSchema<typeof statusSchema>>;
export type Backend = PoolerSpec['backends'][number];
export type Database = NonNullable<PoolerSpec['databases']>[number];
export type User = NonNullable<PoolerSpec['users']>[number];
export type ConnectionSecret = NonNullable<PoolerSpec['connectionSecrets']>[number];
export type SecretKeyRef = NonNullable<User['passwordSecretRef']>;
export type Condition = NonNullable<PoolerStatus['conditions']>[number];
export type PoolMode = NonNullable<Database['poolMode']>;
export type Profile = PoolerSpec['profile'];
export type Auth = NonNullable<PoolerSpec['auth']>;
export type AuthType = Auth['type'];
export type Tls = NonNullable<PoolerSpec['tls']>;
export type ClientTls = NonNullable<Tls['client']>;
export type ServerTls = NonNullable<Tls['server']>;

/** A ConnectionPooler as it stands in the cluster or in a file. */
export interface ConnectionPooler {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: PoolerSpec;
  readonly status?: PoolerStatus;
}
