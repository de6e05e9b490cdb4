import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createConsoleCertificate } from './console-certificate.ts';

const TIMES = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2029, 0, 1) };

test('a certificate for consoles signs itself, is for clients only, and is no authority', () => {
  const { certificate, key } = createConsoleCertificate({ commonName: 'poolkeeper', ...TIMES });
  const read = new X509Certificate(certificate);
  assert.equal(read.subject, 'CN=poolkeeper');
  assert.equal(read.issuer, 'CN=poolkeeper');
  assert.ok(read.verify(read.publicKey));
  assert.ok(!read.ca);
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.ok(read.checkPrivateKey(createPrivateKey(key)));
});

test('its times are what was asked for, on both sides of 2050', () => {
  for (const notAfter of [TIMES.notAfter, Date.UTC(2050, 0, 1), Date.UTC(2060, 5, 7, 8, 9, 10)]) {
    const { certificate } = createConsoleCertificate({ commonName: 'x', notBefore: TIMES.notBefore, notAfter });
    const read = new X509Certificate(certificate);
    assert.equal(read.validFromDate.getTime(), TIMES.notBefore);
    assert.equal(read.validToDate.getTime(), notAfter);
  }
});

test('no two have the same key or number', () => {
  const made = Array.from({ length: 20 }, () => createConsoleCertificate({ commonName: 'x', ...TIMES }));
  assert.equal(new Set(made.map(({ key }) => key)).size, 20);
  assert.equal(new Set(made.map(({ certificate }) => new X509Certificate(certificate).serialNumber)).size, 20);
});
