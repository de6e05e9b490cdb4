import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsOf } from '../pgbouncer/settings.ts';
import { formatVersion, parseVersion, type Version } from '../pgbouncer/version.ts';
import { type ExplainedSection, explainConfig } from './explain.ts';
import { planned, validated } from './testing/planned.ts';

const version = (text: string): Version => parseVersion(text) ?? assert.fail();

function explained(fields: object, of: Version): readonly ExplainedSection[] {
  const { spec } = validated({ backends: [{ host: 'pg' }], databases: [{ name: 'app' }], ...fields });
  assert.ok(spec);
  const { config, faults } = planned(spec, of);
  assert.ok(config, JSON.stringify(faults));
  return explainConfig(
    config,
    (spec.users ?? []).map(({ name }) => name),
    of,
  );
}

for (const text of ['1.18.0', '1.24.1', '1.26.1']) {
  test(`every setting of PgBouncer ${text} is explained, each once`, () => {
    const [main] = explained({}, version(text));
    const keys = main?.settings.map(({ key }) => key) ?? [];
    const known = settingsOf(version(text), 'pgbouncer')
      .map(({ name }) => name)
      .filter((name) => name !== 'syslog_ident');
    assert.deepEqual(keys.toSorted(), known.toSorted());
    assert.equal(new Set(keys).size, keys.length);
    assert.ok(main?.settings.some(({ source }) => source === `PgBouncer ${formatVersion(version(text))}`));
  });
}

test('what the user wrote comes first, what the operator needs for itself last', () => {
  const [main] = explained({ maxClientConnections: 9, parameters: { query_timeout: 3 } }, version('1.26.1'));
  const decided = main?.settings.filter(({ source }) => !source.startsWith('PgBouncer')) ?? [];
  assert.deepEqual(
    decided
      .slice(0, 2)
      .map(({ source }) => source)
      .toSorted(),
    ['spec.maxClientConnections', 'spec.parameters.query_timeout'],
  );
  assert.equal(decided.at(-1)?.source, 'operator');
});

test('a database says what it takes over from [pgbouncer], by the name that its version knows', () => {
  const of = (text: string) =>
    explained({}, version(text)).find(({ section }) => section === 'databases')?.settings ?? [];
  const size = of('1.26.1').find(({ key }) => key === 'pool_size');
  assert.deepEqual(size, { key: 'pool_size', value: '30', source: '[pgbouncer] default_pool_size', change: 'reload' });
  const keys = of('1.18.0').map(({ key }) => key);
  assert.ok(keys.includes('reserve_pool') && !keys.includes('reserve_pool_size') && !keys.includes('server_lifetime'));
});

test('what only a restart applies says so', () => {
  const [main] = explained({ parameters: { pkt_buf: 8192 } }, version('1.26.1'));
  const change = (key: string) => main?.settings.find((setting) => setting.key === key)?.change;
  assert.deepEqual(['pkt_buf', 'listen_port', 'query_timeout'].map(change), ['restart', 'restart', 'reload']);
});
