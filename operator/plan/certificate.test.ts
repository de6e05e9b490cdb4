import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { fingerprintOf, isCipherList, readAuthorities, readChain, readKey } from './certificate.ts';
import { type Issued, issue, issueAuthority } from './testing/issue.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const TIMES = { notBefore: NOW - 10 * DAY, notAfter: NOW + 90 * DAY };
const OVER = { notBefore: NOW - 10 * DAY, notAfter: NOW - DAY };
const ROOT = issueAuthority('root', TIMES);
const MIDDLE = issueAuthority('middle', { ...TIMES, issuer: ROOT });
const LEAF = issue({ commonName: 'app', use: 'server', names: ['app', '*.shop.svc'], issuer: MIDDLE, ...TIMES });
const PEM = (...certificates: readonly Issued[]): string => certificates.map(({ certificate }) => certificate).join('');

const chain = (text: string, judgement: Parameters<typeof readChain>[3] = { now: NOW }) =>
  readChain(text, 'server', ['app', 'app.shop', 'app.shop.svc'], judgement);
const problemOf = (read: { readonly ok: true } | { readonly ok: false; readonly problem: string }): string =>
  read.ok ? 'none' : read.problem;

describe('a certificate that is to be shown', () => {
  it('is read with what stands below it, and says for which names it is not valid', () => {
    const read = chain(PEM(LEAF, MIDDLE));
    assert.ok(read.ok);
    assert.equal(read.value.facts.subject, 'CN=app');
    assert.equal(read.value.facts.notAfter, TIMES.notAfter);
    assert.equal(read.value.facts.fingerprint, fingerprintOf(new X509Certificate(LEAF.certificate)));
    assert.deepEqual(read.value.uncovered, ['app.shop']);
  });

  it('is handed on without what stood around it', () => {
    const read = chain(`bag attributes\n${LEAF.certificate}\n# the next\n${MIDDLE.certificate}`);
    assert.ok(read.ok);
    assert.equal(read.value.text, PEM(LEAF, MIDDLE));
  });

  const WRONG: readonly (readonly [what: string, text: string, problem: RegExp])[] = [
    ['nothing', '', /not made of certificates/],
    ['no PEM', 'hello', /not made of certificates/],
    ['half of one', LEAF.certificate.slice(0, 200), /not made of certificates/],
    [
      'a request for one',
      LEAF.certificate.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'),
      /not made of certificates/,
    ],
    [
      'letters in PEM',
      '-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n',
      /cannot be read \(number 1\)/,
    ],
    ['its key too', LEAF.certificate + LEAF.key, /holds a private key/],
    [
      'a chain in the wrong order',
      PEM(LEAF, ROOT, MIDDLE),
      /certificate 2 \(CN=root\) did not sign the one before it \(CN=app\)/,
    ],
    ['one for clients', PEM(issue({ commonName: 'app', use: 'client', ...TIMES })), /not for servers/],
    ['an expired one', PEM(issue({ commonName: 'app', ...OVER })), /^expired on 2026-05-31$/],
    [
      'one of later',
      PEM(issue({ commonName: 'app', notBefore: NOW + DAY, notAfter: NOW + 9 * DAY })),
      /^is not valid before 2026-06-02T00:00:00\.000Z$/,
    ],
    [
      'one below an expired one',
      PEM(issue({ commonName: 'app', issuer: issueAuthority('old', OVER), ...TIMES }), issueAuthority('old', OVER)),
      /did not sign|expired on 2026-05-31 \(CN=old, in its chain\)/,
    ],
  ];
  for (const [what, text, problem] of WRONG) {
    it(`is refused: ${what}`, () => assert.match(problemOf(chain(text)), problem));
  }

  it('goes on when its time is over while it is in force, since there is nothing better', () => {
    const old = issue({ commonName: 'app', ...OVER });
    const inForce = new Set([fingerprintOf(new X509Certificate(old.certificate))]);
    assert.equal(problemOf(chain(old.certificate, { now: NOW, inForce })), 'none');
    assert.equal(problemOf(chain(old.certificate, {})), 'none');
  });
});

describe('a key', () => {
  const read = chain(PEM(LEAF));
  assert.ok(read.ok);
  const { value } = read;

  it('is taken when it belongs to the certificate, with a line end', () => {
    const key = readKey(LEAF.key.trimEnd(), value);
    assert.ok(key.ok);
    assert.equal(key.value, LEAF.key);
  });

  it('is refused without a word of it: none, another one, one that is locked', () => {
    assert.match(problemOf(readKey('hello', value)), /no private key/);
    assert.match(problemOf(readKey(MIDDLE.key, value)), /another certificate/);
    const locked = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHs\n-----END ENCRYPTED PRIVATE KEY-----\n';
    assert.match(problemOf(readKey(locked, value)), /is encrypted/);
  });

  it('that is weak is refused, as OpenSSL will refuse it', () => {
    const weak = issue({ commonName: 'app', keys: 'rsa-1024', ...TIMES });
    const weakChain = chain(weak.certificate);
    assert.ok(weakChain.ok);
    assert.match(problemOf(readKey(weak.key, weakChain.value)), /refused by OpenSSL: .*key too small/);
    const strong = issue({ commonName: 'app', keys: 'rsa-2048', ...TIMES });
    const strongChain = chain(strong.certificate);
    assert.ok(strongChain.ok && readKey(strong.key, strongChain.value).ok);
  });
});

describe('a bundle of authorities', () => {
  it('is read certificate by certificate', () => {
    const read = readAuthorities(PEM(ROOT, MIDDLE), { now: NOW });
    assert.ok(read.ok);
    assert.deepEqual(
      read.value.map(({ facts }) => facts.subject),
      ['CN=root', 'CN=middle'],
    );
  });

  it('may hold a server that is its own authority, and old ones beside those that count', () => {
    const own = issue({ commonName: 'pg', ...TIMES });
    assert.equal(problemOf(readAuthorities(PEM(own), { now: NOW })), 'none');
    assert.equal(problemOf(readAuthorities(PEM(issueAuthority('old', OVER), ROOT), { now: NOW })), 'none');
  });

  it('is refused when it holds what is no authority, or nothing that counts any more', () => {
    assert.match(problemOf(readAuthorities(PEM(ROOT, LEAF), { now: NOW })), /no authority \(number 2, CN=app\)/);
    assert.match(problemOf(readAuthorities('', { now: NOW })), /not made of certificates/);
    assert.match(
      problemOf(readAuthorities(PEM(issueAuthority('old', OVER)), { now: NOW })),
      /expired on .*every certificate/,
    );
    assert.match(problemOf(readAuthorities(ROOT.certificate + ROOT.key, { now: NOW })), /holds a private key/);
  });
});

it('a list of ciphers is one when OpenSSL finds any, or when it is a word of PgBouncer', () => {
  for (const ciphers of ['HIGH:!aNULL', 'ECDHE-RSA-AES256-GCM-SHA384', 'default', 'fast'])
    assert.ok(isCipherList(ciphers));
  for (const ciphers of ['no-such-cipher', 'secret']) assert.ok(!isCipherList(ciphers));
});
