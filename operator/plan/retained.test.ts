import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVersion } from '../pgbouncer/version.ts';
import { type Loaded, loadedFrom, parseRetained, printRetained, retainedAfter } from './retained.ts';

const VERIFIER = `SCRAM-SHA-256$4096:c2FsdA==$${'a'.repeat(43)}=:${'b'.repeat(43)}=`;
const version = parseVersion('1.26.1');
assert.ok(version);

const loaded = (databases: string, users: Readonly<Record<string, string>>): Loaded =>
  loadedFrom(
    {
      'r.ini': `[databases]\n${databases}\n[pgbouncer]\nsyslog_ident = r\n`,
      'r.userlist': Object.entries(users)
        .map(([name, password]) => `"${name}" "${password}"\n`)
        .join(''),
    },
    'r',
    version,
  );
const asking = (settings: string): Loaded =>
  loadedFrom({ 'r.ini': `[pgbouncer]\n${settings}syslog_ident = r\n` }, 'r', version);
const NAMED = loaded("app = host='h'", { app: 'plain' });

test('nothing is retained of what did not change', () => {
  assert.deepEqual(retainedAfter([], NAMED, NAMED), []);
});

test('a `*` stays until it is there again', () => {
  const any = loaded("* = host='h'", { app: 'plain' });
  const items = retainedAfter([], any, NAMED);
  assert.deepEqual(items, ['database * (removed)']);
  assert.deepEqual(retainedAfter(items, NAMED, NAMED), items, 'over any number of changes');
  assert.deepEqual(retainedAfter(items, NAMED, any), []);
});

test('the keys of a verifier stay when a password replaces it, and another verifier takes their place', () => {
  const hashed = loaded("app = host='h'", { app: VERIFIER });
  const items = retainedAfter([], hashed, NAMED);
  assert.deepEqual(items, ['user app (a password replaced its SCRAM verifier)']);
  assert.deepEqual(retainedAfter(items, NAMED, loaded("app = host='h'", { app: 'another' })), items);
  assert.deepEqual(retainedAfter(items, NAMED, hashed), []);
  assert.deepEqual(retainedAfter(items, NAMED, loaded("app = host='h'", {})), [], 'a user who is gone logs in nowhere');
});

test('the login that asked for all databases stays where single ones ask with the same query, as before 1.22', () => {
  const query = 'auth_query = SELECT 1\n';
  const [common, single] = [asking(`${query}auth_user = asker\n`), asking(query)];
  const items = retainedAfter([], common, single);
  assert.deepEqual(items, ['auth_user (removed)']);
  assert.deepEqual(retainedAfter(items, single, single), items);
  assert.deepEqual(retainedAfter(items, single, common), []);
  assert.deepEqual(retainedAfter([], common, asking('')), [], 'a proof tells it');
  assert.deepEqual(retainedAfter([], single, single), []);
});

test('files that nobody can read say nothing', () => {
  assert.deepEqual(retainedAfter([], loadedFrom({}, 'r', version), NAMED), []);
});

test('the note holds processes with something in it, and survives what a hand writes', () => {
  const note = printRetained({ b: ['x'], a: ['y'], c: [] });
  assert.equal(note, '{"a":["y"],"b":["x"]}');
  assert.deepEqual(parseRetained(note), { a: ['y'], b: ['x'] });
  assert.equal(printRetained({ c: [] }), undefined);
  for (const odd of [undefined, '', '[', 'null', '"x"', '{"a":1}']) assert.deepEqual(parseRetained(odd), {});
});
