import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { derivedSalt, scramVerifier } from './scram-verifier.ts';
import { classifySecret } from './userlist.ts';

describe('a SCRAM verifier', () => {
  it('holds the keys that sign the exchange of RFC 7677', () => {
    const salt = 'W22ZaJ0SNY7soEsUEjb6gQ==';
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const [, keys = ''] = scramVerifier('pencil', Buffer.from(salt, 'base64')).split(`$4096:${salt}$`);
    const [storedKey = '', serverKey = ''] = keys.split(':').map((key) => Buffer.from(key, 'base64'));
    const exchange = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=${salt},i=4096,c=biws,r=${nonce}`;
    const sign = (key: Buffer | string): Buffer => createHmac('sha256', key).update(exchange).digest();
    assert.equal(sign(serverKey).toString('base64'), '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const clientKey = Buffer.from(sign(storedKey).map((byte, index) => byte ^ (proof[index] ?? 0)));
    assert.deepEqual(createHash('sha256').update(clientKey).digest(), storedKey);
  });

  it('is what PgBouncer takes for one, with any number of iterations', () => {
    for (const iterations of [1, 4096])
      assert.equal(classifySecret(scramVerifier('password', derivedSalt('key', 'a'), iterations)), 'scram');
  });

  it('has a salt of its own for every purpose', () => {
    assert.notDeepEqual(derivedSalt('key', 'a'), derivedSalt('key', 'b'));
    assert.notDeepEqual(derivedSalt('key', 'a'), derivedSalt('other', 'a'));
    assert.deepEqual(derivedSalt('key', 'a'), derivedSalt('key', 'a'));
    assert.equal(derivedSalt('key', 'a').length, 16);
  });
});
