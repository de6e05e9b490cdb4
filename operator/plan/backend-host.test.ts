import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../api/types.ts';
import { backendHost } from './backend-host.ts';

const of = (address: Partial<Backend>): string | undefined =>
  backendHost({ name: 'primary', port: 5432, ...address }, 'shop');

const HOSTS: readonly { readonly what: string; readonly address: Partial<Backend>; readonly host: string }[] = [
  { what: 'a host as it was written, with its dot', address: { host: 'pg.example.com.' }, host: 'pg.example.com.' },
  {
    what: 'the directory of a socket as it was written',
    address: { host: '/run/postgresql' },
    host: '/run/postgresql',
  },
  { what: 'hosts in their order, without a space', address: { hosts: ['b', 'a', 'a'] }, host: 'b,a,a' },
  { what: "a Service in the pooler's namespace", address: { service: { name: 'pg' } }, host: 'pg.shop.svc' },
  { what: 'a Service of another one', address: { service: { name: 'pg', namespace: 'data' } }, host: 'pg.data.svc' },
  {
    what: 'the primary of a CloudNativePG cluster',
    address: { cnpgCluster: { name: 'pg', role: 'rw' } },
    host: 'pg-rw.shop.svc',
  },
  {
    what: 'its replicas, elsewhere',
    address: { cnpgCluster: { name: 'pg', namespace: 'data', role: 'ro' } },
    host: 'pg-ro.data.svc',
  },
  { what: 'any of them', address: { cnpgCluster: { name: 'pg', role: 'r' } }, host: 'pg-r.shop.svc' },
];

for (const { what, address, host } of HOSTS) {
  test(`PgBouncer is told ${what}: ${host}`, () => {
    assert.equal(of(address), host);
  });
}
