import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_DATABASE_BYTES, MAX_USER_BYTES, maxPasswordBytes, quoteKey } from '../../pgbouncer/text.ts';
import { complaintsOf, REAL_VERSIONS, type RealVersion, versionOf } from './real-pgbouncer.ts';

const takes = async (
  real: RealVersion,
  files: { readonly ini?: string; readonly userlist?: string; readonly hba?: string },
): Promise<boolean> => {
  const complaints = await complaintsOf(real, ({ directory }) => ({
    'pgbouncer.ini': `${files.ini ?? ''}\n[pgbouncer]\nauth_type = hba\nauth_hba_file = ${directory}/hba\nauth_file = ${directory}/userlist\n`,
    userlist: files.userlist ?? '',
    hba: files.hba ?? '',
  }));
  return complaints.length === 0;
};

for (const real of REAL_VERSIONS) {
  const version = versionOf(real);
  describe(`the limits of pgbouncer ${real}`, () => {
    it('takes a user name of the longest length and no longer', async () => {
      assert.equal(await takes(real, { userlist: `"${'u'.repeat(MAX_USER_BYTES)}" "p"` }), true);
      assert.equal(await takes(real, { userlist: `"${'u'.repeat(MAX_USER_BYTES + 1)}" "p"` }), false);
    });

    it('measures a user name with its quotes doubled', async () => {
      assert.equal(await takes(real, { userlist: `"${'""'.repeat(63)}" "p"` }), true);
      assert.equal(await takes(real, { userlist: `"${'""'.repeat(64)}" "p"` }), false);
    });

    it('takes a password of the longest length and no longer', async () => {
      const longest = maxPasswordBytes(version);
      assert.equal(await takes(real, { userlist: `"u" "${'p'.repeat(longest)}"` }), true);
      assert.equal(await takes(real, { userlist: `"u" "${'p'.repeat(longest + 1)}"` }), false);
    });

    it('takes a database name of the longest length and no longer', async () => {
      assert.equal(await takes(real, { ini: `[databases]\n${'d'.repeat(MAX_DATABASE_BYTES)} = host='h'` }), true);
      assert.equal(await takes(real, { ini: `[databases]\n${'d'.repeat(MAX_DATABASE_BYTES + 1)} = host='h'` }), false);
    });

    it('takes a quoted name exactly when we would print one', async () => {
      assert.equal(
        await takes(real, { ini: "[databases]\n'my db' = host='h'" }),
        quoteKey('my db', version) !== undefined,
      );
    });

    it('complains about access rules that it cannot read, so that silence means that it read them', async () => {
      assert.equal(await takes(real, { hba: 'host all all 10.0.0.0/8 scram-sha-256\n' }), true);
      assert.equal(await takes(real, { hba: 'host all all nowhere scram-sha-256\n' }), false);
    });
  });
}
