import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  readClients,
  readConfig,
  readDatabases,
  readLists,
  readPaused,
  readPeers,
  readPools,
  readServers,
  readStats,
  readUsers,
} from '../../pgbouncer/show.ts';
import { atLeast } from '../../pgbouncer/version.ts';
import { openSession, type Session } from '../session.ts';
import { startObligingServer } from './obliging-server.ts';
import { REAL_VERSIONS, type RealPgbouncer, startPgbouncer, versionOf } from './real-pgbouncer.ts';
import { ADMIN, filesOf, sampleOf } from './sample.ts';
import type { ScriptedServer } from './scripted-server.ts';

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`what pgbouncer ${real} shows of a pool in use`, () => {
    let server: ScriptedServer;
    let bouncer: RealPgbouncer;
    let admin: Session;
    let client: Session;

    before(async () => {
      server = await startObligingServer();
      const params = { host: '127.0.0.1', port: String(server.port), user: ADMIN.user, pool_mode: 'transaction' };
      bouncer = await startPgbouncer(real, (place) => {
        const sample = sampleOf(place, 'r', { databases: [{ name: 'app', params }] });
        return filesOf(place, sample, version);
      });
      admin = await openSession({ ...bouncer, ...ADMIN });
      client = await openSession({
        ...bouncer,
        user: 'app',
        password: 'app-password',
        database: 'app',
        applicationName: 'the-client',
      });
      await client.command('SELECT 1');
    });
    after(async () => {
      await Promise.all([client.close(), admin.close()]);
      await Promise.all([bouncer.stop(), server.stop()]);
    });

    it('is read: pools, with one client and one server', async () => {
      const pools = readPools(await admin.show('POOLS'));
      assert.deepEqual(
        pools.map(({ database, user, clientsActive, clientsWaiting, maxWaitSeconds }) => ({
          database,
          user,
          clientsActive,
          clientsWaiting,
          maxWaitSeconds,
        })),
        [{ database: 'app', user: ADMIN.user, clientsActive: 1, clientsWaiting: 0, maxWaitSeconds: 0 }],
      );
      assert.equal((pools[0]?.serversActive ?? 0) + (pools[0]?.serversIdle ?? 0) + (pools[0]?.serversUsed ?? 0), 1);
    });

    it('is read: statistics, that count the query', async () => {
      const [stats] = readStats(await admin.show('STATS'));
      assert.equal(stats?.database, 'app');
      assert.ok((stats?.queries ?? 0) >= 1);
      assert.equal(stats?.serverAssignments !== undefined, atLeast(version, '1.23'));
      assert.equal(stats?.clientLogins !== undefined, atLeast(version, '1.26'));
    });

    it('is read: clients and servers', async () => {
      const clients = readClients(await admin.show('CLIENTS')).filter(({ database }) => database === 'app');
      assert.deepEqual(
        clients.map(({ user, applicationName }) => [user, applicationName]),
        [['app', 'the-client']],
      );
      const servers = readServers(await admin.show('SERVERS'));
      assert.deepEqual(
        servers.map(({ database, user, port }) => [database, user, port]),
        [['app', ADMIN.user, server.port]],
      );
    });

    it('is read: databases, users, configuration and lists', async () => {
      const [database] = readDatabases(await admin.show('DATABASES'));
      assert.equal(database?.currentConnections, 1);
      assert.equal(database?.forceUser, ADMIN.user);
      assert.ok(
        readUsers(await admin.show('USERS')).some(({ name, poolMode }) => name === 'app' && poolMode === 'transaction'),
      );
      assert.ok(
        readConfig(await admin.show('CONFIG')).some(({ key, value }) => key === 'syslog_ident' && value === 'r'),
      );
      assert.equal(readLists(await admin.show('LISTS')).get('used_clients'), 2);
    });

    it('is read: a PAUSE of everything, where the version can tell', async () => {
      assert.equal(
        atLeast(version, '1.19') ? readPaused(await admin.show('STATE')) : undefined,
        atLeast(version, '1.19') ? false : undefined,
      );
      await admin.command('PAUSE');
      if (atLeast(version, '1.19')) assert.equal(readPaused(await admin.show('STATE')), true);
      assert.equal(readDatabases(await admin.show('DATABASES'))[0]?.paused, false);
      await admin.command('RESUME');
    });

    if (atLeast(version, '1.19')) {
      it('is read: peers', async () => {
        const sample = sampleOf(bouncer, 'peers');
        const peers = [{ name: '2', params: { host: '127.0.0.1', port: '7000', pool_size: '3' } }];
        await bouncer.write(filesOf(bouncer, { ...sample, ini: { ...sample.ini, peers } }, version));
        assert.deepEqual(await admin.reload(), { ok: true });
        assert.deepEqual(readPeers(await admin.show('PEERS')), [{ id: 2, host: '127.0.0.1', port: 7000, poolSize: 3 }]);
      });
    }
  });
}
