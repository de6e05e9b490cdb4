import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_TLS, type TlsView } from '../plan/tls.ts';
import { nextCertificateEvent } from './certificate-time.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 1);
/** One that lives for 40 hours: the warning comes ten hours before its end. */
const endingIn = (hours: number): TlsView => ({
  ...NO_TLS,
  certificates: [
    {
      field: 'spec.tls.client.secretRef',
      secret: 'tls',
      subject: 'CN=app',
      fingerprint: 'ab',
      notAfter: NOW + hours * HOUR,
      notBefore: NOW + (hours - 40) * HOUR,
    },
  ],
});

test('without certificates there is nothing to wait for', () => {
  assert.equal(nextCertificateEvent(undefined, NOW), undefined);
  assert.equal(nextCertificateEvent(NO_TLS, NOW), undefined);
});

test('the next look is right after the next moment: the warning, then the end, or a beginning', () => {
  assert.equal(nextCertificateEvent(endingIn(12), NOW), 2 * HOUR + 1_000);
  assert.equal(nextCertificateEvent(endingIn(9), NOW), 9 * HOUR + 1_000);
  assert.equal(nextCertificateEvent({ ...endingIn(12), validFrom: NOW + HOUR }, NOW), HOUR + 1_000);
});

test('a day passes at most, also when everything is over', () => {
  assert.equal(nextCertificateEvent(endingIn(40), NOW), DAY);
  assert.equal(nextCertificateEvent(endingIn(-1), NOW), DAY);
});
