import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolerSpec } from '../api/types.ts';
import { parseVersion } from '../pgbouncer/version.ts';
import { planConfig } from './config.ts';

const version = parseVersion('1.26.1');
assert.ok(version);

const plan = (parameters: PoolerSpec['parameters'], pinned?: Readonly<Record<string, string>>) =>
  planConfig({
    spec: {
      replicas: 1,
      suspend: false,
      profile: 'balanced',
      backends: [{ name: 'primary', host: 'pg', port: 5432 }],
      databases: [{ name: 'app' }],
      ...(parameters && { parameters }),
    },
    name: 'pooler',
    namespace: 'default',
    version,
    holders: 3,
    passwords: { admin: 'a', stats: 's' },
    revisionKey: 'key',
    lookup: () => ({ found: true, value: 'x' }),
    ...(pinned && { pinned }),
  });

test('settings that wait for a restart are rendered as the pods have them, the others as the specification says', () => {
  const before = plan({ listen_backlog: 77 });
  const { config, pending, restartOnly } = plan({ pkt_buf: 8192, query_timeout: 9 }, before.restartOnly);
  const settings = new Map(config?.ini.pgbouncer);
  assert.equal(settings.get('listen_backlog'), '77');
  assert.equal(settings.get('pkt_buf'), undefined);
  assert.equal(settings.get('query_timeout'), '9');
  assert.deepEqual(pending, ['listen_backlog', 'pkt_buf']);
  assert.deepEqual(restartOnly, before.restartOnly, 'the pod template stays');
  assert.equal(config?.ini.pgbouncer.at(-1)?.[0], 'syslog_ident', 'the marker stays last');
});

test('nothing waits when the pods have what the specification says', () => {
  const before = plan({ listen_backlog: 77 });
  const again = plan({ listen_backlog: 77 }, before.restartOnly);
  assert.deepEqual(again.pending, []);
  assert.deepEqual(again.config, before.config);
});
