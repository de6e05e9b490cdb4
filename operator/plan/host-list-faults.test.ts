import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, planned, validated } from './testing/planned.ts';

const faults = (input: unknown, minor: number): readonly string[] => {
  const { spec } = validated(input);
  assert.ok(spec);
  return faultsOf(planned(spec, { major: 1, minor, patch: 1 })).map(({ path, problem }) => `${path}: ${problem}`);
};
const withFallback = (first: object, second: object): object => ({
  backends: [
    { name: 'a', ...first },
    { name: 'b', ...second },
  ],
  databases: [{ name: 'app', backend: 'a', fallbackBackend: 'b' }],
});

test('a socket is one host, and falls back to none and is fallen back to by none', () => {
  const socket = { host: '/run/postgresql' };
  const network = { host: 'pg.example.com' };
  const said = /^spec\.databases\[0\]\.fallbackBackend: makes a list of hosts, and one of the two .* is a Unix socket$/;
  for (const [first, second] of [
    [socket, network],
    [network, socket],
    [{ host: '@pg' }, network],
  ] as const) {
    const [fault = '', ...others] = faults(withFallback(first, second), 26);
    assert.match(fault, said);
    assert.deepEqual(others, []);
  }
  assert.deepEqual(faults(withFallback(network, { host: 'other.example.com' }), 26), []);
});
