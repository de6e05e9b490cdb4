import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryValue, inheritedKeys, mainValue } from './inherited.ts';
import { settingsOf } from './settings.ts';
import { parseVersion, type Version } from './version.ts';

const version = (text: string): Version => parseVersion(text) ?? assert.fail();
const nothing = (): undefined => undefined;
const stated =
  (values: Readonly<Record<string, string>>) =>
  (key: string): string | undefined =>
    values[key];

test('an entry counts before [pgbouncer], and that before PgBouncer of its version', () => {
  const of = (entry: Record<string, string>, main: Record<string, string>) =>
    entryValue('databases', 'pool_size', { entry: stated(entry), main: stated(main) }, version('1.26.1'));
  assert.equal(of({ pool_size: '3' }, { default_pool_size: '5' }), '3');
  assert.equal(of({}, { default_pool_size: '5' }), '5');
  assert.equal(of({}, {}), '20');
});

test('what a default is depends on the version', () => {
  const of = (text: string) => mainValue(nothing, 'max_prepared_statements', version(text));
  assert.deepEqual(['1.21.0', '1.24.0'].map(of), ['0', '200']);
});

test('the older name of a size counts in an entry', () => {
  const entry = stated({ reserve_pool: '7' });
  assert.equal(entryValue('databases', 'reserve_pool_size', { entry, main: nothing }, version('1.18.0')), '7');
});

test('a database takes over every setting that it may have and [pgbouncer] has too', () => {
  // The login that asks for passwords is the operator's; `user` is another one there: of the operating system.
  const others = new Set(['user', 'auth_user', 'auth_dbname', 'auth_query']);
  const newest = version('1.26.1');
  const main = new Set(settingsOf(newest, 'pgbouncer').map(({ name }) => name));
  const shared = settingsOf(newest, 'databases').flatMap(({ name }) =>
    main.has(name) && !others.has(name) ? [name] : [],
  );
  const taken = inheritedKeys('databases', newest).map(({ key }) => key);
  assert.deepEqual(
    shared.filter((name) => !taken.includes(name)),
    [],
  );
});
