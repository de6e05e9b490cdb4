import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkProblem } from './network.ts';

for (const sound of [
  '10.0.0.0/8',
  '0.0.0.0/0',
  '127.0.0.1/32',
  '::/0',
  'fd00::/8',
  'fd00::1/128',
  '::ffff:10.0.0.0/104',
]) {
  test(`${sound} is a network`, () => assert.equal(networkProblem(sound), undefined));
}

for (const [text, problem] of [
  ['10.0.0.1', /10\.0\.0\.1\/32 is one machine/],
  ['fd00::1', /fd00::1\/128 is one machine/],
  ['10.0.0.1/8', /beyond its network: the first 8 bits are 10\.0\.0\.0\/8/],
  ['fd00::1/64', /the first 64 bits are fd00:0:0:0:0:0:0:0\/64/],
  ['10.0.0.0/33', /0 to 32 bits/],
  ['::/129', /0 to 128 bits/],
  ['10.0.0.0/08', /0 to 32 bits/],
  ['10.0.0.0/8/8', /0 to 32 bits/],
  ['10.0.0.0/', /0 to 32 bits/],
  ['10.0.0.256/32', /no address like/],
  ['010.0.0.0/8', /no address like/],
  ['fe80::1%eth0/64', /no address like/],
  ['samenet', /no address like/],
  ['example.org', /no address like/],
] as const) {
  test(`${text} is none`, () => assert.match(networkProblem(text) ?? '', problem));
}
