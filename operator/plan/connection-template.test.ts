import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConnectionValues, fillTemplate, passwordFileLine, urlHost } from './connection-template.ts';

const VALUES: ConnectionValues = {
  user: 'app@shop',
  password: `p@ss/wörd'"\\ {x}`,
  host: 'app.shop.svc',
  port: '6432',
  database: 'app',
  sslmode: 'disable',
  'direct-host': 'fd00::1',
  'direct-port': '5432',
  'direct-database': 'app production',
};

const CASES: readonly { readonly what: string; readonly template: string; readonly filled: string }[] = [
  { what: 'text without placeholders stays', template: 'prefer', filled: 'prefer' },
  { what: 'a placeholder is encoded for a URL', template: '{user}', filled: 'app%40shop' },
  { what: 'as far as any parser might want', template: '{password}', filled: 'p%40ss%2Fw%C3%B6rd%27%22%5C%20%7Bx%7D' },
  { what: 'raw is as it is', template: '{password:raw}', filled: VALUES.password },
  {
    what: 'quoted is as libpq reads it',
    template: 'password={password:quoted}',
    filled: `password='p@ss/wörd\\'"\\\\ {x}'`,
  },
  { what: 'json is JSON', template: '{{"p":{password:json}}}', filled: `{"p":${JSON.stringify(VALUES.password)}}` },
  { what: 'an IPv6 address stands in brackets', template: '{direct-host}:{direct-port}', filled: '[fd00::1]:5432' },
  { what: 'but not outside of a URL', template: '{direct-host:raw}', filled: 'fd00::1' },
  { what: 'doubled braces are braces', template: '{{user}}{{{user}}}', filled: '{user}{app%40shop}' },
  {
    what: "a driver's own scheme and options",
    template: 'postgresql+asyncpg://{user}@{host}:{port}/{direct-database}?pgbouncer=true&connection_limit=20',
    filled: 'postgresql+asyncpg://app%40shop@app.shop.svc:6432/app%20production?pgbouncer=true&connection_limit=20',
  },
];

for (const { what, template, filled } of CASES) {
  test(`${what}: ${template}`, () => assert.equal(fillTemplate(template, VALUES), filled));
}

test('what a value holds is never taken for a template', () => {
  assert.equal(
    fillTemplate('{user:raw} {password:raw}', { ...VALUES, user: '{password:raw}' }),
    `{password:raw} ${VALUES.password}`,
  );
  assert.equal(fillTemplate('{password:raw}', { ...VALUES, password: '$& $1 {{' }), '$& $1 {{');
});

test('several hosts stay a list, and a directory is encoded', () => {
  assert.equal(urlHost('a,fd00::1,/run/pg'), 'a,[fd00::1],%2Frun%2Fpg');
});

test('colons and backslashes of a password file are escaped', () => {
  assert.equal(passwordFileLine(['h', '1', 'd', 'u', 'a:b\\c']), 'h:1:d:u:a\\:b\\\\c\n');
});
