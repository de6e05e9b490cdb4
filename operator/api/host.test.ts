import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolerOf } from './testing/json.ts';
import { validatePooler } from './validate.ts';

const isTaken = (host: string): boolean => validatePooler(poolerOf({ backends: [{ host }] }), 'refuse').ok;

for (const host of [
  'pg',
  'pg.example.com',
  'pg.example.com.',
  '10.0.0.1',
  '::1',
  'fd00::1',
  'fd00::',
  '::ffff:10.0.0.1',
  'A_b-c',
  '/run/postgresql',
  `/${'a'.repeat(90)}`,
  '@proxy',
  '@a/b.c',
])
  test(`${host} is a host`, () => assert.ok(isTaken(host)));

test('a list of hosts has no socket in it: it is of servers that are one to clients', () =>
  assert.ok(!validatePooler(poolerOf({ backends: [{ hosts: ['/run/postgresql'] }] }), 'refuse').ok));

for (const host of [
  'pg:5432',
  '10.0.0.1:5432',
  '[::1]',
  '[fd00::1]:5432',
  ':5432',
  'pg:',
  '/',
  '@',
  'run/postgresql',
  '/run/a b',
  '/run/a,b',
  `/${'a'.repeat(91)}`,
  'a b',
  '-pg',
])
  test(`${host} is none`, () => assert.ok(!isTaken(host)));
