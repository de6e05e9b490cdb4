import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolerSpec } from '../api/types.ts';
import { planAccessRules } from './access-rules.ts';

const spec: PoolerSpec = {
  replicas: 1,
  suspend: false,
  profile: 'balanced',
  backends: [{ name: 'primary', host: 'pg', port: 5432 }],
  databases: [{ name: 'app', serverUser: { name: 'forced', passwordSecretRef: { name: 's', key: 'k' } } }],
};
const admitted = (listed?: readonly string[]) =>
  planAccessRules(spec, listed).filter(({ method, databases }) => method !== 'reject' && databases[0] !== 'pgbouncer');

test('users are let in by name: who is gone from the userlist is refused by the next RELOAD', () => {
  const listed = ['poolkeeper', 'poolkeeper_stats', 'app', 'forced'];
  assert.deepEqual(
    admitted(listed).map(({ users, address }) => [users, address]),
    [
      [['app'], '0.0.0.0/0'],
      [['app'], '::/0'],
    ],
  );
});

test('a line holds so many names and no more', () => {
  const listed = Array.from({ length: 70 }, (_, index) => `user${index}`);
  const lines = admitted(listed).filter(({ address }) => address === '::/0');
  assert.deepEqual(
    lines.map(({ users }) => users.length),
    [32, 32, 6],
  );
  assert.deepEqual(
    lines.flatMap(({ users }) => users),
    listed,
  );
});

test('where names are not known beforehand, any may log in', () => {
  assert.deepEqual(admitted()[0]?.users, [{ keyword: 'all' }]);
});
