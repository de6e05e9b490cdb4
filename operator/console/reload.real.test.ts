import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { reloadUntil } from './reload.ts';
import { openSession, type Session } from './session.ts';
import {
  REAL_VERSIONS,
  type RealPgbouncer,
  type RealVersion,
  startPgbouncer,
  versionOf,
} from './testing/real-pgbouncer.ts';
import { ADMIN, filesOf, includeOf, sampleOf } from './testing/sample.ts';

/** A process on revision `old`, and an admin session on it. */
async function onOld(
  real: RealVersion,
  test: (bouncer: RealPgbouncer, session: Session) => Promise<void>,
): Promise<void> {
  const bouncer = await startPgbouncer(real, (place) => filesOf(place, sampleOf(place, 'old'), versionOf(real)));
  try {
    const session = await openSession({ ...bouncer, ...ADMIN });
    await test(bouncer, session);
    await session.close();
  } finally {
    await bouncer.stop();
  }
}

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  /** RELOAD says that it failed. */
  const says = real === '1.26.1';
  const broken = (bouncer: RealPgbouncer): Record<string, string> => ({
    ...filesOf(bouncer, sampleOf(bouncer, 'bad'), version),
    'bad.ini': '[pgbouncer]\nlisten_addr = 127.0.0.1\nno_such_key = 1\nsyslog_ident = bad\n',
  });

  describe(`reloading pgbouncer ${real}`, () => {
    it('succeeds with the first RELOAD when the file is there', () =>
      onOld(real, async (bouncer, session) => {
        await bouncer.write(filesOf(bouncer, sampleOf(bouncer, 'new'), version));
        assert.deepEqual(await reloadUntil({ session, revision: 'new', deadlineMs: 0 }), { ok: true, reloads: 1 });
      }));

    it('goes on until the file arrives, and says that it waits', () =>
      onOld(real, async (bouncer, session) => {
        const waits: number[] = [];
        const reloaded = await reloadUntil({
          session,
          revision: 'new',
          deadlineMs: 30_000,
          intervalMs: 10,
          onWaiting: (elapsedMs) => {
            waits.push(elapsedMs);
            if (waits.length === 3) void bouncer.write(filesOf(bouncer, sampleOf(bouncer, 'new'), version));
          },
        });
        assert.equal(reloaded.ok, true);
        assert.equal(reloaded.ok && reloaded.reloads, waits.length + 1);
        assert.ok(waits.length >= 3);
        assert.deepEqual(
          waits,
          waits.toSorted((a, b) => a - b),
        );
      }));

    it('says that the file did not arrive when it is still on the old one at the deadline', () =>
      onOld(real, async (_, session) => {
        assert.deepEqual(await reloadUntil({ session, revision: 'new', deadlineMs: 50, intervalMs: 10 }), {
          ok: false,
          kind: 'not-arrived',
          detail: 'PgBouncer is still on old, not on new',
        });
      }));

    it('ends early when the caller gives up', () =>
      onOld(real, async (_, session) => {
        let asked = 0;
        const giveUp = (): boolean => {
          asked += 1;
          return asked === 2;
        };
        const reloaded = await reloadUntil({ session, revision: 'new', deadlineMs: 60_000, intervalMs: 1, giveUp });
        assert.equal(reloaded.ok || reloaded.kind, 'not-arrived');
        assert.equal(asked, 2);
      }));

    it('ends early when it is aborted', () =>
      onOld(real, async (_, session) => {
        const reloaded = await reloadUntil({
          session,
          revision: 'new',
          deadlineMs: 60_000,
          intervalMs: 30_000,
          signal: AbortSignal.timeout(50),
        });
        assert.equal(reloaded.ok, false);
      }));

    it('fails at once when PgBouncer stops in the middle of the file', () =>
      onOld(real, async (bouncer, session) => {
        await bouncer.write(broken(bouncer));
        const reloaded = await reloadUntil({ session, revision: 'bad', deadlineMs: 60_000, intervalMs: 30_000 });
        assert.equal(reloaded.ok || reloaded.kind, 'half-applied');
        assert.equal(session.closed, false);
      }));

    it('restores a process that is half-applied, also when the good file arrives late', () =>
      onOld(real, async (bouncer, session) => {
        await bouncer.write(broken(bouncer));
        await reloadUntil({ session, revision: 'bad', deadlineMs: 0 });
        const restoring = reloadUntil({ session, revision: 'old', deadlineMs: 10_000, intervalMs: 10 });
        await sleep(100);
        await bouncer.write({ 'pgbouncer.ini': includeOf(bouncer, 'old') });
        assert.equal((await restoring).ok, true);
      }));

    it(
      says
        ? 'says what PgBouncer refuses before it reads any setting'
        : 'cannot tell a file refused in [databases] from one that is late',
      () =>
        onOld(real, async (bouncer, session) => {
          const files = filesOf(bouncer, sampleOf(bouncer, 'new'), version);
          await bouncer.write({
            ...files,
            'new.ini': `[databases]\nbroken = no_such_key=1\n${files['new.ini'] ?? ''}`,
          });
          const reloaded = await reloadUntil({ session, revision: 'new', deadlineMs: 50, intervalMs: 10 });
          assert.equal(reloaded.ok || reloaded.kind, says ? 'refused' : 'not-arrived');
        }),
    );

    it('notices at once when the process dies', () =>
      onOld(real, async (bouncer, session) => {
        const reloading = reloadUntil({ session, revision: 'new', deadlineMs: 60_000, intervalMs: 10 });
        process.kill(bouncer.pid, 'SIGKILL');
        const reloaded = await reloading;
        assert.equal(reloaded.ok || reloaded.kind, 'gone');
        assert.equal(session.closed, true);
      }));
  });
}

describe('reloading a pgbouncer that says when TLS fails (1.26.1)', () => {
  it('fails at once, though the file was read to its end', () =>
    onOld('1.26.1', async (bouncer, session) => {
      const sample = sampleOf(bouncer, 'new', {
        settings: [
          ['client_tls_sslmode', 'require'],
          ['client_tls_cert_file', '/nonexistent.crt'],
          ['client_tls_key_file', '/nonexistent.key'],
        ],
      });
      await bouncer.write(filesOf(bouncer, sample, versionOf('1.26.1')));
      const reloaded = await reloadUntil({ session, revision: 'new', deadlineMs: 60_000, intervalMs: 30_000 });
      assert.equal(reloaded.ok || reloaded.kind, 'refused');
    }));
});
