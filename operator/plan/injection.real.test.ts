/**
 * No text of a specification or of a Secret becomes more than a value. Each field that holds text, as the schema has
 * them, is filled with everything that hopes to: it is refused, or the files are read back to what was meant, by our own
 * reader and by the real programs.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fullSpec } from '../api/testing/arbitrary-spec.ts';
import type { JsonObject } from '../api/testing/json.ts';
import { type TextPlace, textFieldsOfSchema, textPlaces, withText } from '../api/testing/text-fields.ts';
import type { PoolerSpec } from '../api/types.ts';
import { expectationOf } from '../console/expectation.ts';
import { prove } from '../console/prove.ts';
import { reloadUntil } from '../console/reload.ts';
import { openSession, type Session } from '../console/session.ts';
import { REAL_VERSIONS, type RealPgbouncer, startPgbouncer, versionOf } from '../console/testing/real-pgbouncer.ts';
import { findSetting, settingsOf } from '../pgbouncer/settings.ts';
import { readConfig, readPeers } from '../pgbouncer/show.ts';
import { isSameValue } from '../pgbouncer/value.ts';
import { atLeast, type Version } from '../pgbouncer/version.ts';
import { fc, SEED } from '../testing/properties.ts';
import type { Config } from './config.ts';
import { expectedPasswords } from './testing/expected-files.ts';
import { assertFaithful } from './testing/faithful.ts';
import { PAYLOADS } from './testing/payloads.ts';
import { faultsOf, PASSWORDS, passwordOf, planned, validated } from './testing/planned.ts';
import { filesFor, relocated } from './testing/real-files.ts';
import { withoutFaults } from './testing/without-faults.ts';

/** A configuration that some text came through into. */
interface Survivor {
  readonly what: string;
  readonly spec: PoolerSpec;
  readonly config: Config;
}

/** Sound specifications that hold text in every field together, each with places that the others have not. */
function specsWithText(
  version: Version,
): readonly { readonly spec: JsonObject; readonly places: readonly TextPlace[] }[] {
  const wanted = new Set(textFieldsOfSchema());
  const refused = new Set<string>();
  const found: { readonly spec: JsonObject; readonly places: readonly TextPlace[] }[] = [];
  for (const sample of fc.sample(fullSpec, 200)) {
    if ([...wanted].every((field) => refused.has(field))) break;
    const input = withParameters(sample, version);
    const { spec: raw } = validated(input);
    if (raw !== undefined) for (const { path } of faultsOf(planned(raw, version))) refused.add(fieldOf(path));
    // Json, as every specification is.
    const spec = structuredClone(withoutFaults(input, version).spec) as unknown as JsonObject;
    const places = textPlaces(spec).filter(({ field }) => wanted.has(field));
    const first = places.filter(({ field }, index) => places.findIndex((place) => place.field === field) === index);
    for (const { field } of first) wanted.delete(field);
    if (first.length > 0) found.push({ spec, places: first });
  }
  // What is left, this version has not at all: it is refused whatever stands there.
  assert.deepEqual(
    [...wanted].filter((field) => !refused.has(field)),
    [],
    `FC_SEED=${SEED}`,
  );
  return found;
}

/** Certificates cost more than all the rest, and few logins do without: they are there only where they count. */
function leastAround(spec: JsonObject, { field }: TextPlace, version: Version): JsonObject {
  const parts = ['tls', 'auth'].filter((part) => !field.startsWith(`${part}.`));
  const [withoutBoth, withoutFirst] = [parts, parts.slice(0, 1)].map(
    (left): JsonObject => Object.fromEntries(Object.entries(spec).filter(([name]) => !left.includes(name))),
  );
  const isSound = (document: JsonObject | undefined): boolean => {
    const { spec: sound } = validated(document);
    return sound !== undefined && planned(sound, version).config !== undefined;
  };
  return [withoutBoth, withoutFirst].find(isSound) ?? spec;
}

/** `spec.users[3].parameters.x` as the schema has it. */
const fieldOf = (path: string): string =>
  path
    .replace(/^spec\./, '')
    .replace(/\[\d+\]/g, '[]')
    .replace(/(parameters)\..*/, '$1.*');

/** Settings that are texts, in each `parameters`; users have none, but a number may be written as one. */
function withParameters(spec: JsonObject, version: Version): JsonObject {
  const texts = (section: 'pgbouncer' | 'databases'): JsonObject =>
    Object.fromEntries(
      settingsOf(version, section)
        .filter(({ type, ownership, reloadable }) => type === 'string' && ownership.kind === 'free' && reloadable)
        .map(({ name }) => [name, 'x']),
    );
  const list = (name: string): readonly JsonObject[] => (spec[name] ?? []) as readonly JsonObject[];
  return {
    ...spec,
    replicas: 1,
    image: 'pgbouncer:test',
    parameters: texts('pgbouncer'),
    databases: list('databases').map((database) => ({ ...database, parameters: texts('databases') })),
    users: list('users').map((user) => ({ ...user, parameters: { query_wait_timeout: '20' } })),
  };
}

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`text that hopes to be more than a value, and pgbouncer ${real}`, () => {
    const survivors: Survivor[] = [];
    let bouncer: RealPgbouncer;
    let session: Session;
    const users = new Set<string>();

    before(async () => {
      const { config } = withoutFaults({ backends: [{ host: 'pg' }] }, version).plan;
      assert.ok(config);
      bouncer = await startPgbouncer(real, (place) => filesFor(place, config));
      session = await openSession({ ...bouncer, user: 'poolkeeper', password: PASSWORDS.admin });
    });
    after(async () => {
      await session?.close();
      await bouncer?.stop();
    });

    it('is refused in a field, or stands in the files as that value and nothing else', () => {
      let refused = 0;
      for (const { spec, places } of specsWithText(version)) {
        for (const place of places) {
          const document = leastAround(spec, place, version);
          for (const payload of PAYLOADS) {
            for (const [how, change] of Object.entries(PLACEMENTS)) {
              const what = `FC_SEED=${SEED} ${place.field} ${how} ${JSON.stringify(payload)}`;
              const found = validated(withText(document, place, (text) => change(text, payload)));
              const plan = found.spec && planned(found.spec, version);
              if (found.spec === undefined || plan?.config === undefined) {
                refused += 1;
                if (plan) assert.notDeepEqual(faultsOf(plan), [], what);
                continue;
              }
              assertFaithful(found.spec, plan.config, version);
              // Which certificates and ciphers a process can use is looked into elsewhere.
              if (found.spec.tls !== undefined) continue;
              survivors.push({ what, spec: found.spec, config: plan.config });
            }
          }
        }
      }
      assert.ok(refused > 1000 && survivors.length > 100, `${refused} refused, ${survivors.length} not`);
    });

    it('is refused in a Secret without being shown, or is that password and nothing else', () => {
      const fields = {
        backends: [{ host: 'pg' }],
        databases: [{ name: 'app', serverUser: { name: 'owner', passwordSecretRef: { name: 'owner', key: 'k' } } }],
        users: [{ name: 'app', passwordSecretRef: { name: 'app', key: 'k' } }],
      };
      const { spec } = validated(fields);
      assert.ok(spec);
      for (const payload of PAYLOADS) {
        for (const [how, change] of Object.entries(PLACEMENTS)) {
          for (const secret of ['app', 'owner']) {
            const text = change('password', payload);
            const password = (ref: { readonly name: string; readonly key: string }) =>
              ref.name === secret ? text : passwordOf(ref);
            const plan = planned(spec, version, { password });
            const what = `the password of ${secret} ${how} ${JSON.stringify(payload)}`;
            if (plan.config === undefined) {
              assert.notDeepEqual(plan.faults.credentials, [], what);
              assert.ok(payload.length < 4 || !JSON.stringify(plan.faults).includes(payload), what);
              continue;
            }
            assertFaithful(spec, plan.config, version, password);
            survivors.push({ what, spec, config: plan.config });
          }
        }
      }
    });

    it('gives the process no setting, database, user or peer that was not planned', async () => {
      // The same files need not be read twice.
      const distinct = [...new Map(survivors.map((survivor) => [survivor.config.revision, survivor])).values()];
      assert.ok(distinct.length > 100, `${distinct.length} configurations`);
      for (const { what, spec, config } of distinct) {
        for (const user of expectedPasswords(spec, () => 'x').keys()) users.add(user);
        for (const user of spec.users ?? []) users.add(user.name);
        await load(what, config);
      }
    });

    /** Has the process read it, and compares everything that it shows with what was planned. */
    async function load(what: string, config: Config): Promise<void> {
      const tell = (said: unknown): string => `${what}: ${JSON.stringify(said)}\n${bouncer.log().slice(-500)}`;
      await bouncer.write(filesFor(bouncer, config));
      const reloaded = await reloadUntil({ session, revision: config.revision, deadlineMs: 0 });
      assert.deepEqual(reloaded, { ok: true, reloads: 1 }, tell(reloaded));
      const proof = await prove(
        session,
        bouncer,
        expectationOf(planIn(config, bouncer.directory), {
          revision: config.revision,
          proofLogin: { user: 'poolkeeper_proof', password: config.proofPassword },
          version,
        }),
      );
      assert.ok(proof.proved, tell(proof));
      const stray = proof.restartRequired.filter((left) => /^database .* \(removed\)$/.test(left));
      assert.deepEqual(stray, [], tell(proof));

      const rendered = new Map(config.ini.pgbouncer);
      const changed = readConfig(await session.show('CONFIG')).filter((row) => {
        const setting = findSetting('pgbouncer', row.key);
        const stated = rendered.has(row.key) || !row.changeable || row.key === 'conffile' || row.key === 'verbose';
        // What of it a proof cannot tell, the files of before do: see retained.ts.
        const kept = row.key === 'auth_user' && rendered.has('auth_query');
        const told = kept || (proof.proved && proof.restartRequired.includes(`${row.key} (removed)`));
        return !stated && !told && setting !== undefined && !isSameValue(setting, row.value, row.default);
      });
      assert.deepEqual(changed, [], tell(changed));
      const rows = await session.show('USERS');
      const own = ['pgbouncer', 'poolkeeper', 'poolkeeper_stats', 'poolkeeper_proof'];
      const strangers = rows.map((row) => row['name'] ?? '').filter((name) => !own.includes(name) && !users.has(name));
      assert.deepEqual(strangers, [], tell(strangers));
      if (atLeast(version, '1.19')) assert.deepEqual(readPeers(await session.show('PEERS')), []);
    }
  });
}

const PLACEMENTS: Readonly<Record<string, (text: string, payload: string) => string>> = {
  is: (_, payload) => payload,
  'ends with': (text, payload) => `${text}${payload}`,
};

/** What was planned, with the places of this test. */
const planIn = ({ ini }: Config, directory: string): Config['ini'] => ({
  ...ini,
  pgbouncer: ini.pgbouncer.map(([key, value]) => [key, relocated(value, directory)] as const),
});
