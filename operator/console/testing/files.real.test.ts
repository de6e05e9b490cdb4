import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { IniFile } from '../../pgbouncer/ini.ts';
import { parseIni } from '../../pgbouncer/parse-ini.ts';
import { iniFile } from '../../pgbouncer/testing/arbitrary.ts';
import { fc } from '../../testing/properties.ts';
import { expectationOf } from '../expectation.ts';
import { prove } from '../prove.ts';
import { reloadUntil } from '../reload.ts';
import { openSession, type Session } from '../session.ts';
import { REAL_VERSIONS, type RealPgbouncer, startPgbouncer, versionOf } from './real-pgbouncer.ts';
import { ADMIN, filesOf, PROOF_USER, proofPasswordOf, type Sample, sampleOf } from './sample.ts';

/**
 * What the sample itself decides, what needs files, and what would get in the way of the console: the limits of
 * clients count the operator's own logins too, and the sample's passwords are plain ones, which the operator's never are:
 * of those it would do more iterations than our side of a login allows.
 */
const FIXED =
  /^(listen_|unix_|auth_|admin_users|stats_users|syslog|logfile|conffile|pidfile|user$|resolv_conf|.*_tls|client_login_timeout|verbose|job_name|max_(db|user)_client_connections|scram_iterations)/;

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`pgbouncer ${real} and what is rendered`, () => {
    let bouncer: RealPgbouncer;
    let session: Session;
    before(async () => {
      bouncer = await startPgbouncer(real, (place) => filesOf(place, sampleOf(place, 'first'), version));
      session = await openSession({ ...bouncer, ...ADMIN });
    });
    after(async () => {
      await session.close();
      await bouncer.stop();
    });

    it('agree on any file that can be printed: it is read to its end, and shows every value that was meant', async () => {
      let revision = 0;
      await fc.assert(
        fc.asyncProperty(
          iniFile(version, ({ section, name }) => section !== 'pgbouncer' || !FIXED.test(name)),
          async (ini) => {
            revision += 1;
            const sample = withSettings(sampleOf(bouncer, `r${revision}`), ini);
            const files = filesOf(bouncer, sample, version);
            const parsed = parseIni(files[`r${revision}.ini`] ?? '', version);
            assert.equal(parsed.ok, true, JSON.stringify(parsed));
            await bouncer.write(files);
            const reloaded = await reloadUntil({ session, revision: sample.revision, deadlineMs: 0 });
            assert.deepEqual(reloaded, { ok: true, reloads: 1 }, bouncer.log().slice(-1000));
            const proofLogin = { user: PROOF_USER, password: proofPasswordOf(sample.revision) };
            const proof = await prove(
              session,
              bouncer,
              expectationOf(sample.ini, { revision: sample.revision, proofLogin, version }),
            );
            assert.equal(proof.proved, true, JSON.stringify(proof));
          },
        ),
        { numRuns: 100 },
      );
    });
  });
}

function withSettings(sample: Sample, ini: IniFile): Sample {
  const marker = sample.ini.pgbouncer.slice(-1);
  return { ...sample, ini: { ...ini, pgbouncer: [...sample.ini.pgbouncer.slice(0, -1), ...ini.pgbouncer, ...marker] } };
}
