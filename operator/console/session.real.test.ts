import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readClients, readVersion } from '../pgbouncer/show.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import { isCommandFailed, isConsoleProtocol, isConsoleUnreachable, isLoginRefused } from './errors.ts';
import { openSession, type Session } from './session.ts';
import { REAL_VERSIONS, type RealPgbouncer, startPgbouncer, versionOf } from './testing/real-pgbouncer.ts';
import { ADMIN, filesOf, PROOF_USER, proofPasswordOf, sampleOf } from './testing/sample.ts';

for (const real of REAL_VERSIONS) {
  describe(`a session with pgbouncer ${real}`, () => {
    let bouncer: RealPgbouncer;
    const open: Session[] = [];
    const session = async (options: Partial<Parameters<typeof openSession>[0]> = {}): Promise<Session> => {
      const opened = await openSession({ ...bouncer, ...ADMIN, ...options });
      open.push(opened);
      return opened;
    };

    before(async () => {
      bouncer = await startPgbouncer(real, (place) => filesOf(place, sampleOf(place, 'r'), versionOf(real)));
    });
    after(async () => {
      await Promise.all(open.map((each) => each.close()));
      await bouncer.stop();
    });

    it('shows rows by column name', async () => {
      const version = readVersion(await (await session()).show('VERSION'));
      assert.equal(version && formatVersion(version), real);
    });

    it('is seen under its application name', async () => {
      const clients = readClients(await (await session({ applicationName: 'the-test' })).show('CLIENTS'));
      assert.ok(clients.some(({ applicationName, user }) => applicationName === 'the-test' && user === ADMIN.user));
    });

    it('goes on after a command that PgBouncer refuses', async () => {
      const each = await session();
      await assert.rejects(each.command('RESUME nothing'), isCommandFailed);
      assert.equal(each.closed, false);
      assert.ok((await each.show('LISTS')).length > 5);
    });

    it('answers questions in the order in which they were asked', async () => {
      const each = await session();
      const [lists, version, failed, config] = await Promise.allSettled([
        each.show('LISTS'),
        each.show('VERSION'),
        each.command('NONSENSE'),
        each.show('CONFIG'),
      ]);
      assert.ok(lists.status === 'fulfilled' && 'items' in (lists.value[0] ?? {}));
      assert.ok(version.status === 'fulfilled' && 'version' in (version.value[0] ?? {}));
      assert.equal(failed.status, 'rejected');
      assert.ok(config.status === 'fulfilled' && config.value.length > 80);
    });

    it('is refused with a wrong password, as an unknown user, and as a user of another database', async () => {
      for (const login of [{ password: 'wrong' }, { user: 'nobody' }, { user: 'app', password: 'app-password' }]) {
        await assert.rejects(session(login), isLoginRefused);
      }
    });

    it('lets a stats user look and nothing else', async () => {
      const stats = await session({ user: PROOF_USER, password: proofPasswordOf('r') });
      assert.ok((await stats.show('POOLS')).length >= 1);
      const reloaded = await stats.reload();
      assert.match(reloaded.ok ? '' : reloaded.message, /admin access needed/);
    });

    it('takes no more than its limits allow', async () => {
      const small = await session({ limits: { maxBytes: 4_000, maxRows: 100_000 } });
      await assert.rejects(small.show('CONFIG'), isConsoleProtocol);
      assert.equal(small.closed, true);
      const few = await session({ limits: { maxBytes: 1_000_000, maxRows: 10 } });
      await assert.rejects(few.show('CONFIG'), isConsoleProtocol);
    });

    it('counts its limits anew for each answer', async () => {
      const small = await session({ limits: { maxBytes: 20_000, maxRows: 150 } });
      for (let answer = 0; answer < 5; answer += 1) assert.ok((await small.show('CONFIG')).length > 80);
    });

    if (real !== '1.18.0') {
      it('says why it ended when PgBouncer ended it while nothing was asked', async () => {
        const victim = await session({ applicationName: 'victim' });
        const other = await session();
        const client = readClients(await other.show('CLIENTS')).find(
          ({ applicationName }) => applicationName === 'victim',
        );
        await other.command(`KILL_CLIENT ${client?.id}`);
        while (!victim.closed) await new Promise((resolve) => setTimeout(resolve, 5));
        await assert.rejects(victim.show('POOLS'), /admin forced disconnect/);
      });
    }

    it('gives up on a process that hangs, and says on what', async () => {
      const each = await session({ queryTimeoutMs: 100 });
      bouncer.pause();
      try {
        await assert.rejects(
          each.show('POOLS'),
          (error) => isConsoleUnreachable(error) && /no answer to SHOW POOLS within 0.1 s/.test(error.message),
        );
        assert.equal(each.closed, true);
        await assert.rejects(each.show('POOLS'), isConsoleUnreachable);
        await assert.rejects(session({ connectTimeoutMs: 100 }), isConsoleUnreachable);
      } finally {
        bouncer.resume();
      }
    });

    it('can be aborted in the middle of a question', async () => {
      const controller = new AbortController();
      const each = await session({ signal: controller.signal, queryTimeoutMs: 60_000 });
      bouncer.pause();
      const asked = each.show('POOLS');
      controller.abort();
      await assert.rejects(asked, isConsoleUnreachable);
      bouncer.resume();
    });

    it('closes, twice if need be, and answers nothing after', async () => {
      const each = await session();
      await each.close();
      await each.close();
      assert.equal(each.closed, true);
      await assert.rejects(each.show('POOLS'), isConsoleUnreachable);
    });

    it('notices the death of the process while nothing is asked', async () => {
      const mortal = await startPgbouncer(real, (place) => filesOf(place, sampleOf(place, 'r'), versionOf(real)));
      const each = await openSession({ ...mortal, ...ADMIN });
      await mortal.stop();
      while (!each.closed) await new Promise((resolve) => setTimeout(resolve, 5));
      await assert.rejects(each.show('POOLS'), isConsoleUnreachable);
    });
  });
}
