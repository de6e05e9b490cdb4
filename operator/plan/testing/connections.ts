/** Connection Secrets as the plan makes them of a small pooler, and the passwords that they must carry. */
import assert from 'node:assert/strict';
import type { ConnectionPooler } from '../../api/types.ts';
import { printableText } from '../../pgbouncer/testing/arbitrary.ts';
import { fc } from '../../testing/properties.ts';
import type { Config } from '../config.ts';
import { connectionSecret } from '../connection-secrets.ts';
import type { PlannedObject } from '../objects.ts';
import { faultsOf, planned, validated } from './planned.ts';

export const VERSION = { major: 1, minor: 26, patch: 1 };
export const KEY = 'key of the revision';
export const SPEC = {
  backends: [{ service: { name: 'pg', namespace: 'data' }, port: 5433 }],
  databases: [{ name: 'app', dbname: 'app_production' }],
  users: [{ name: 'app', passwordSecretRef: { name: 'app-db', key: 'password' } }],
  connectionSecrets: [{ name: 'app-uri', user: 'app', database: 'app' }],
};

/** What stands in the Secret. */
export function made(fields: object, password = 'secret'): Readonly<Record<string, string>> {
  const { object } = planOf(fields, password);
  assert.ok(object);
  return contents(object);
}

export function planOf(
  fields: object,
  password: string,
): { readonly pooler: ConnectionPooler; readonly config: Config; readonly object: PlannedObject | undefined } {
  const { spec } = validated({ ...SPEC, ...fields });
  assert.ok(spec);
  const plan = planned(spec, VERSION, { password: () => password });
  assert.deepEqual(faultsOf(plan), []);
  assert.ok(plan.config);
  const pooler = { apiVersion: '', kind: '', metadata: { name: 'app', namespace: 'shop', uid: 'u' }, spec };
  const [wanted] = spec.connectionSecrets ?? [];
  assert.ok(wanted);
  return {
    pooler,
    config: plan.config,
    object: connectionSecret({ pooler, wanted, config: plan.config, revisionKey: KEY, inputs: 'i' }),
  };
}

export const contents = (object: PlannedObject): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries((object['data'] ?? {}) as Readonly<Record<string, string>>).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]),
  );

/** Passwords that PgBouncer takes, as its users think of them. */
export const passwords = fc
  .oneof(
    printableText,
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc.constantFrom('%41', '%', 'a b', ' ', '+', "'", '\\', '?#/:@&=', '€🐘'),
  )
  .filter(
    (text) =>
      text !== '' &&
      text.isWellFormed() &&
      !/[\p{Cc}\u2028\u2029]/u.test(text) &&
      !/^(md5[0-9a-f]{32}$|SCRAM-)/.test(text),
  );
