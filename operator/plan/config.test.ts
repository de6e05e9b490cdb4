import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sensibleSpec, validSpec } from '../api/testing/arbitrary-spec.ts';
import { isRecord, type Json, type JsonObject } from '../api/testing/json.ts';
import { hostileText, printableText } from '../pgbouncer/testing/arbitrary.ts';
import type { Version } from '../pgbouncer/version.ts';
import { fc } from '../testing/properties.ts';
import { holdersOf } from './budget.ts';
import { type Config, planKnownConfig } from './config.ts';
import { isAuthentic, proofPasswordOf } from './revision-files.ts';
import { assertFaithful } from './testing/faithful.ts';
import { faultsOf, passwordOf, planned, validated } from './testing/planned.ts';
import { withoutFaults } from './testing/without-faults.ts';

const VERSIONS: readonly Version[] = [18, 24, 26].map((minor) => ({ major: 1, minor, patch: 1 }));
const anyVersion = fc.constantFrom(...VERSIONS);
/** A spec together with the version it is meant for. */
const sensible = fc.oneof(...VERSIONS.map((version) => fc.tuple(fc.constant(version), sensibleSpec(version))));
const valid = fc.tuple(anyVersion, validSpec);

test('any valid spec gives files that read back to what it says, once the fields that the faults name are taken out', () => {
  fc.assert(
    fc.property(fc.oneof(sensible, valid), ([version, input]) => {
      const { spec, plan } = withoutFaults(input, version);
      assert.ok(plan.config);
      assertFaithful(spec, plan.config, version);
    }),
    { numRuns: 500 },
  );
});

test('whatever stands in a field, it is refused or the files say that and nothing more', () => {
  let refused = 0;
  let rendered = 0;
  fc.assert(
    fc.property(
      sensible,
      fc.array(fc.tuple(fc.nat(), fc.oneof(hostileText, printableText)), { minLength: 1, maxLength: 3 }),
      ([version, input], injections) => {
        // Taken sound first, or the faults of the numbers would hide what the text does.
        const sound = structuredClone(withoutFaults(input, version).spec) as unknown as JsonObject;
        const { spec } = validated(injections.reduce(injected, sound));
        const plan = spec && planned(spec, version);
        if (spec === undefined || plan?.config === undefined) {
          refused += 1;
          if (plan) assert.notDeepEqual(faultsOf(plan), []);
          return;
        }
        rendered += 1;
        assertFaithful(spec, plan.config, version);
      },
    ),
    { numRuns: 1000 },
  );
  // Most fields take little of what is tried.
  assert.ok(refused > 100 && rendered > 30, `one-sided: ${refused} refused, ${rendered} rendered`);
});

test('whatever stands in a Secret, it is refused without being shown, or is the password of that user and nothing more', () => {
  let refused = 0;
  let rendered = 0;
  fc.assert(
    fc.property(sensible, hostileText, ([version, input], text) => {
      const { spec } = withoutFaults(input, version);
      const password = () => text;
      const plan = planned(spec, version, { password });
      if (plan.config === undefined) {
        refused += 1;
        assert.notDeepEqual(plan.faults.credentials, []);
        if (text.length > 3) assert.ok(!JSON.stringify(plan.faults).includes(JSON.stringify(text).slice(1, -1)));
        return;
      }
      rendered += 1;
      assertFaithful(spec, plan.config, version, password);
    }),
    { numRuns: 300 },
  );
  assert.ok(refused > 25 && rendered > 25, `one-sided: ${refused} refused, ${rendered} rendered`);
});

test('the name of a parameter cannot break out either: it is a fault that names it', () => {
  fc.assert(
    fc.property(anyVersion, hostileText, fc.constantFrom('main', 'database', 'user'), (version, key, place) => {
      const parameters = { [key]: 1 };
      const { spec } = validated({
        backends: [{ host: 'pg' }],
        databases: [{ name: 'app', ...(place === 'database' ? { parameters } : {}) }],
        users: [
          { name: 'app', passwordSecretRef: { name: 's', key: 'k' }, ...(place === 'user' ? { parameters } : {}) },
        ],
        ...(place === 'main' ? { parameters } : {}),
      });
      assert.ok(spec);
      const [fault, ...others] = faultsOf(planned(spec, version));
      assert.deepEqual(others, []);
      assert.ok(fault?.path.endsWith(`.parameters.${key.toWellFormed()}`), fault?.path);
    }),
  );
});

const sample = {
  backends: [{ host: 'pg.example.com' }],
  databases: [{ name: 'app' }, { name: 'batch', dbname: 'app' }],
  users: [
    { name: 'b', passwordSecretRef: { name: 'b', key: 'password' } },
    { name: 'a', passwordSecretRef: { name: 'a', key: 'password' } },
  ],
};
const [, , NEWEST] = VERSIONS;

function configOf(input: unknown, password = passwordOf): Config {
  const { spec } = validated(input);
  const config = spec && NEWEST && planned(spec, NEWEST, { password }).config;
  assert.ok(config);
  return config;
}

test('the same spec gives the same bytes; the order of its lists is of no account', () => {
  const { databases, users, ...rest } = sample;
  const config = configOf(sample);
  assert.deepEqual(configOf(sample), config);
  assert.deepEqual(
    configOf({ ...rest, users: users.toReversed(), databases: databases.toReversed() }).files,
    config.files,
  );
});

const CHANGES: readonly { readonly what: string; readonly config: () => Config }[] = [
  { what: 'a setting', config: () => configOf({ ...sample, maxClientConnections: 7 }) },
  { what: 'a password', config: () => configOf(sample, (ref) => `${passwordOf(ref)}!`) },
  { what: 'an access rule', config: () => configOf({ ...sample, auth: { type: 'md5' } }) },
  { what: 'a database', config: () => configOf({ ...sample, databases: sample.databases.slice(1) }) },
];

for (const { what, config } of CHANGES) {
  test(`${what} that changes gives another revision, and another proof password`, () => {
    const before = configOf(sample);
    const after = config();
    assert.notEqual(after.revision, before.revision);
    assert.notEqual(after.proofPassword, before.proofPassword);
  });
}

test('the revision names the files, and the proof password follows from it and the key alone', () => {
  const { revision, files, proofPassword } = configOf(sample);
  assert.deepEqual(Object.keys(files).sort(), [`${revision}.hba`, `${revision}.ini`, `${revision}.userlist`]);
  assert.equal(proofPassword, proofPasswordOf('key of the revision', revision));
  assert.notEqual(proofPassword, proofPasswordOf('another key', revision));
});

test('whether files are those of a revision is told without the Secrets they were made of', () => {
  fc.assert(
    fc.property(sensible, fc.nat(), ([version, spec], seed) => {
      const { spec: wanted, plan } = withoutFaults(spec, version);
      const { config } = plan;
      fc.pre(config !== undefined);
      const key = 'key of the revision';
      assert.ok(isAuthentic(config.files, config.revision, key));
      assert.ok(!isAuthentic(config.files, config.revision, 'another key'));
      // One character elsewhere, in any file.
      const names = Object.keys(config.files).filter((name) => (config.files[name] ?? '') !== '');
      const name = names[seed % names.length] ?? '';
      const text = config.files[name] ?? '';
      const place = seed % text.length;
      const other = text[place] === 'x' ? 'y' : 'x';
      const touched = { ...config.files, [name]: text.slice(0, place) + other + text.slice(place + 1) };
      assert.ok(!isAuthentic(touched, config.revision, key), `${name} at ${place}`);
      const { [name]: _gone, ...rest } = config.files;
      assert.ok(!isAuthentic(rest, config.revision, key));
      // And what a proof needs to know follows from the revision, without them too.
      const known = {
        spec: wanted,
        namespace: 'shop',
        version,
        holders: holdersOf(wanted.replicas, 0),
        revisionKey: key,
      };
      const { revision, proofPassword, served } = config;
      // Who asks for passwords stands in a Secret, and so do those of databases; the marker behind them proves that they were read.
      const pgbouncer = config.ini.pgbouncer.filter(([name]) => name !== 'auth_user');
      const databases = config.ini.databases.map(
        ({ name, params: { password: _password, auth_user: _asker, ...params } }) => ({ name, params }),
      );
      const ini = { ...config.ini, databases, pgbouncer };
      const provable = { revision, ini, proofPassword, ...(served && { served }) };
      assert.deepEqual(planKnownConfig(known, revision, plan.tls).provable, provable);
      assert.deepEqual(planKnownConfig(known, revision).planned.restartOnly, config.restartOnly);
      assert.deepEqual(planKnownConfig(known, revision).planned.budget, plan.budget);
    }),
    { numRuns: 100 },
  );
});

test('passwords stand in the userlist, and nowhere else where one does for each user', () => {
  const { revision, files } = configOf(sample, () => 'planted-secret');
  for (const [name, text] of Object.entries(files))
    assert.equal(text.includes('planted-secret'), name === `${revision}.userlist`);
});

test('keys that only a restart applies are told apart, so that they reach the pod template', () => {
  const { restartOnly } = configOf({ ...sample, parameters: { pkt_buf: 8192, query_timeout: 30 } });
  assert.equal(restartOnly['pkt_buf'], '8192');
  assert.equal(restartOnly['query_timeout'], undefined);
});

test('a configuration of which a Secret cannot hold two is refused with the arithmetic, and the next smaller is not', () => {
  const users = Array.from({ length: 512 }, (_, index) => ({
    name: `user-${index}`,
    passwordSecretRef: { name: 'users', key: `user-${index}` },
  }));
  const { spec } = validated({ backends: [{ host: 'pg' }], users });
  assert.ok(spec);
  const plan = (bytes: number) =>
    planned(spec, { major: 1, minor: 26, patch: 1 }, { password: () => 'x'.repeat(bytes) });
  const [fault] = plan(1_100).faults.credentials;
  assert.equal(fault?.path, 'spec.users');
  assert.match(
    fault?.problem ?? '',
    /^make a configuration of (\d+) bytes \(\d+ for 514 users, \d+ for settings and databases\), and a Secret of 1048576 bytes must hold two of them, 523776 each$/,
  );
  const { config } = plan(950);
  const bytes = Object.values(config?.files ?? {}).reduce((total, text) => total + Buffer.byteLength(text), 0);
  assert.ok(bytes > 480_000 && 2 * bytes < 1024 * 1024, String(bytes));
});

/** Puts text into one of the string values of a document, alone or around what stands there. */
function injected(document: JsonObject, [seed, text]: readonly [number, string]): JsonObject {
  const count = countTexts(document);
  if (count === 0) return document;
  let index = seed % count;
  const place = (value: Json): Json => {
    if (typeof value === 'string') {
      index -= 1;
      if (index !== -1) return value;
      return [text, `${value}${text}`, `${text}${value}`][seed % 3] ?? text;
    }
    if (Array.isArray(value)) return value.map(place);
    return isRecord(value)
      ? Object.fromEntries(Object.entries(value).map(([key, child]) => [key, place(child)]))
      : value;
  };
  const placed = place(document);
  return isRecord(placed) ? placed : document;
}

function countTexts(value: Json): number {
  if (typeof value === 'string') return 1;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, child: Json) => sum + countTexts(child), 0);
}
