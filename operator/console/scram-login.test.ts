import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { scramVerifier } from '../pgbouncer/scram-verifier.ts';
import { isConsoleProtocol } from './errors.ts';
import { scramLogin } from './scram-login.ts';

const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const SALT = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const FIRST = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=${SALT},i=4096`;

/** Judges an answer as a server does that holds a verifier, and proves that it holds it. */
function serve(verifier: string, first: string, answer: string): { readonly proved: boolean; readonly final: string } {
  const [, storedKey = '', serverKey = ''] = /\$([^$:]+):([^:]+)$/.exec(verifier) ?? [];
  const [said = '', proof = ''] = answer.split(',p=');
  const everything = `n=*,r=${NONCE},${first},${said}`;
  const sign = (key: string): Buffer => createHmac('sha256', Buffer.from(key, 'base64')).update(everything).digest();
  const clientKey = Buffer.from(proof, 'base64').map((byte, at) => byte ^ (sign(storedKey)[at] ?? 0));
  return {
    proved: createHash('sha256').update(clientKey).digest('base64') === storedKey,
    final: `v=${sign(serverKey).toString('base64')}`,
  };
}

describe('a login by SCRAM', () => {
  const verifier = scramVerifier('pencil', Buffer.from(SALT, 'base64'));

  it('proves the password to whoever holds its verifier, and has it proved', () => {
    const login = scramLogin('pencil', NONCE);
    assert.equal(login.first, `n,,n=*,r=${NONCE}`);
    const { proved, final } = serve(verifier, FIRST, login.answer(FIRST));
    assert.ok(proved);
    login.verify(final);
  });

  it('proves nothing with another password, nor does the server', () => {
    const login = scramLogin('pen', NONCE);
    const { proved, final } = serve(verifier, FIRST, login.answer(FIRST));
    assert.ok(!proved);
    assert.throws(() => login.verify(final), isConsoleProtocol);
  });

  it('believes no signature before it has answered', () => {
    assert.throws(() => scramLogin('pencil', NONCE).verify('v='), isConsoleProtocol);
  });

  for (const [what, first] of [
    ['of another conversation', `r=another,s=${SALT},i=4096`],
    ['without a nonce of its own', `r=${NONCE},s=${SALT},i=4096`],
    ['without salt', `r=${NONCE}more,s=,i=4096`],
    ['without iterations', `r=${NONCE}more,s=${SALT},i=0`],
    ['that is an error', 'e=other-error'],
    ['that is empty', ''],
  ] as const) {
    it(`answers no server's word ${what}`, () => {
      assert.throws(() => scramLogin('pencil', NONCE).answer(first), isConsoleProtocol);
    });
  }

  it('says something else each time', () => {
    assert.notEqual(scramLogin('pencil').first, scramLogin('pencil').first);
  });
});
