import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readChain } from './certificate.ts';
import { readServedAuthority } from './served-authority.ts';
import { issue, issueAuthority } from './testing/issue.ts';

const AUTHORITY = issueAuthority('authority');
const MIDDLE = issueAuthority('middle', { issuer: AUTHORITY });
const OTHER = issueAuthority('other');

function read(value: string, certificate: string, now?: number) {
  const chain = readChain(certificate, 'server', [], {});
  assert.ok(chain.ok);
  const found = readServedAuthority({ found: true, value }, chain.value, { now });
  return found === undefined ? undefined : 'text' in found ? found.text : found.unusable.problem;
}

describe('the authority of the served certificate', () => {
  const served = issue({ commonName: 'app', issuer: AUTHORITY }).certificate;

  it('is what signed it, alone or among others, and nothing that stands around it', () => {
    assert.equal(read(`by hand\n${AUTHORITY.certificate}`, served), AUTHORITY.certificate);
    const both = AUTHORITY.certificate + OTHER.certificate;
    assert.equal(read(both, served), both);
  });

  it('may stand above what is served along', () => {
    const chain = issue({ commonName: 'app', issuer: MIDDLE }).certificate + MIDDLE.certificate;
    assert.equal(read(AUTHORITY.certificate, chain), AUTHORITY.certificate);
  });

  it('is the certificate itself where that signed itself', () => {
    const own = issueAuthority('app').certificate;
    assert.equal(read(own, own), own);
  });

  it('is not there where the issuer does not tell it', () => {
    assert.equal(read('', served), undefined);
    assert.equal(read('\n', served), undefined);
    assert.equal(readServedAuthority({ found: false, problem: 'does not exist' }, undefined, {}), undefined);
  });

  it('is of no use when it is another one, over, or no certificate', () => {
    assert.match(read(OTHER.certificate, served) ?? '', /none signed the certificate that is served \(CN=app\)/);
    assert.match(read(AUTHORITY.certificate, served, Date.now() + 1e12) ?? '', /expired/);
    assert.match(read('hello', served) ?? '', /not made of certificates/);
    assert.match(read(AUTHORITY.key, served) ?? '', /private key/);
  });
});
