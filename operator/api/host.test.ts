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
])
  test(`${host} is a host`, () => assert.ok(isTaken(host)));

for (const host of [
  'pg:5432',
  '10.0.0.1:5432',
  '[::1]',
  '[fd00::1]:5432',
  ':5432',
  'pg:',
  '/run/postgresql',
  'a b',
  '-pg',
])
  test(`${host} is none`, () => assert.ok(!isTaken(host)));
