import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '../api/fault.ts';
import { NO_TLS, type TlsView, type UsedCertificate } from '../plan/tls.ts';
import { certificatesValid, soonAt } from './certificates-valid.ts';
import { ready } from './ready.ts';
import { inShort, situationOf } from './testing/situation.ts';

const NOW = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

const used = (days: number, life = 90, field = 'spec.tls.client.secretRef'): UsedCertificate => ({
  field,
  secret: 'app-tls',
  subject: 'CN=app',
  fingerprint: 'ab',
  notAfter: NOW + days * DAY,
  notBefore: NOW + (days - life) * DAY,
});
const viewOf = (fields: Partial<TlsView>): TlsView => ({ ...NO_TLS, ...fields });
const faulty = (...certificates: readonly Fault[]): TlsView => viewOf({ faults: { spec: [], certificates } });
const fault = (problem: string, path = 'spec.tls.client.secretRef'): Fault => ({
  path,
  value: 'app-tls/tls.crt',
  problem,
  remedy: 'correct it',
});
const ISSUED = 'spec.tls.client.certificate';

const CASES: readonly {
  readonly what: string;
  readonly tls: TlsView | undefined;
  readonly issuing?: string;
  readonly finding: string;
  readonly message?: RegExp;
}[] = [
  { what: 'nobody looked yet', tls: undefined, finding: 'True NotUsed' },
  { what: 'none is referred to', tls: NO_TLS, finding: 'True NotUsed' },
  {
    what: 'all have time',
    tls: viewOf({ certificates: [used(40), used(30)] }),
    finding: 'True Valid',
    message: /ends on 2026-01-31/,
  },
  {
    what: 'one has two weeks left',
    tls: viewOf({ certificates: [used(40), used(14)] }),
    finding: 'False ExpiresSoon',
    message: /spec\.tls\.client\.secretRef: CN=app of Secret app-tls ends on 2026-01-15; renew it/,
  },
  { what: 'one has a little more', tls: viewOf({ certificates: [used(14.1)] }), finding: 'True Valid' },
  {
    what: 'one that lives a day has eight hours',
    tls: viewOf({ certificates: [used(1 / 3, 1)] }),
    finding: 'True Valid',
  },
  {
    what: 'one that lives a day has five hours',
    tls: viewOf({ certificates: [used(5 / 24, 1)] }),
    finding: 'False ExpiresSoon',
  },
  {
    what: 'one is over',
    tls: viewOf({ certificates: [used(-1), used(3)] }),
    finding: 'False Expired',
    message: /ends on 2025-12-31; renew it$/,
  },
  {
    what: 'a renewal hangs',
    tls: viewOf({ certificates: [used(3)] }),
    issuing: 'cert-manager says: no',
    finding: 'False ExpiresSoon',
    message: /renew it\. cert-manager says: no$/,
  },
  {
    what: 'names are missing',
    tls: viewOf({ certificates: [used(40)], uncovered: ['app.shop'] }),
    finding: 'True NamesNotCovered',
    message: /not valid for app\.shop/,
  },
  {
    what: 'the authority beside the served one is another one',
    tls: viewOf({
      certificates: [used(40)],
      authority: { secret: 'app-tls', unusable: { problem: 'holds nothing', remedy: 'put it there' } },
    }),
    finding: 'True AuthorityUnusable',
    message: /app-tls\/ca\.crt.*holds nothing: connection Secrets go without it; put it there/,
  },
  {
    what: 'a Secret is missing',
    tls: faulty(fault('does not exist: there is no such Secret')),
    finding: 'False SecretMissing',
  },
  { what: 'a new one is over', tls: faulty(fault('expired on 2025-01-01')), finding: 'False Expired' },
  {
    what: 'a key does not fit',
    tls: faulty(fault('is the key of another certificate')),
    finding: 'False CertificateInvalid',
    message: /app-tls\/tls\.crt.*correct it/,
  },
  {
    what: 'cert-manager did not issue yet',
    tls: faulty(fault('does not exist: …', ISSUED), fault('does not exist: …', ISSUED)),
    issuing: 'cert-manager is not installed',
    finding: 'False WaitingForIssuer',
    message: /cert-manager is not installed$/,
  },
  {
    what: 'another one is missing too',
    tls: faulty(fault('does not exist: …', ISSUED), fault('does not exist: …')),
    finding: 'False SecretMissing',
  },
];

for (const { what, tls, issuing, finding, message = /./ } of CASES) {
  test(`certificates: ${what}`, () => {
    const found = certificatesValid(situationOf({ tls, issuing, now: NOW }));
    assert.equal(inShort(found), finding);
    assert.match(found.message, message);
  });
}

test('what cannot be used lowers Ready, what runs out of time does not', () => {
  assert.equal(
    inShort(ready(situationOf({ tls: faulty(fault('is no chain')), now: NOW }))),
    'False CertificateInvalid',
  );
  assert.equal(inShort(ready(situationOf({ tls: viewOf({ certificates: [used(-1)] }), now: NOW }))), 'True Ready');
});

test('a warning comes two weeks ahead, or in the last quarter of a short life', () => {
  assert.equal(soonAt(used(100, 365)), NOW + 86 * DAY);
  assert.equal(soonAt(used(8, 8)), NOW + 6 * DAY);
});
