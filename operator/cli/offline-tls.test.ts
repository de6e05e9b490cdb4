/** Certificates that stand in the file beside the pooler, or do not: what `validate` says and `render` shows of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFault } from '../api/fault.ts';
import { poolerOf } from '../api/testing/json.ts';
import { formatWarning } from '../api/warning.ts';
import { type Issued, issue, issueAuthority } from '../plan/testing/issue.ts';
import { type OfflineOptions, planOffline } from './offline-plan.ts';
import { renderYaml } from './render.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const NAMES = ['app', 'app.shop', 'app.shop.svc'];
const AUTHORITY = issueAuthority('authority', { notBefore: NOW - DAY, notAfter: NOW + 900 * DAY });
const servedFor = (days: number, names: readonly string[] = NAMES): Issued =>
  issue({
    commonName: 'app',
    use: 'server',
    names,
    issuer: AUTHORITY,
    notBefore: NOW - 90 * DAY,
    notAfter: NOW + days * DAY,
  });
const TLS = {
  client: { mode: 'verify-full', secretRef: { name: 'app-tls' }, caSecretRef: { name: 'ca', key: 'ca.crt' } },
  server: { mode: 'verify-full', caSecretRef: { name: 'ca', key: 'ca.crt' } },
};

function plan(pair: Issued | undefined, options: Partial<OfflineOptions> = {}) {
  const pairs =
    pair === undefined ? [] : [{ name: 'app-tls', values: { 'tls.crt': pair.certificate, 'tls.key': pair.key } }];
  const secrets = [...pairs, { name: 'ca', values: { 'ca.crt': AUTHORITY.certificate } }];
  return planOffline(poolerOf({ backends: [{ host: 'pg' }], tls: TLS }, 'app'), {
    namespace: 'shop',
    defaultImage: 'pgbouncer:1.26.1',
    templateMode: 'restricted',
    secrets: secrets.map((secret) => ({ ...secret, namespace: undefined })),
    showSecrets: false,
    now: NOW,
    ...options,
  });
}
const linesOf = (pair: Issued | undefined): readonly string[] => {
  const planned = plan(pair);
  return planned.ok ? planned.plan.warnings.map(formatWarning) : planned.faults.map(formatFault);
};

describe('certificates in a file', () => {
  it('that are sound need no word, and neither do those that are not there', () => {
    assert.deepEqual(linesOf(servedFor(100)), []);
    assert.deepEqual(linesOf(undefined), []);
  });

  it('that are over are faults; that end soon, or lack names, are warnings', () => {
    assert.deepEqual(linesOf(servedFor(-1)), [
      'spec.tls.client.secretRef: expired on 2026-05-31 ("app-tls/tls.crt"); renew it; what is in force was not replaced',
    ]);
    assert.match(
      linesOf(servedFor(9)).join(),
      /^warning: spec\.tls\.client\.secretRef: holds a certificate \(CN=app\) that ends on 2026-06-10/,
    );
    assert.match(
      linesOf(servedFor(100, ['app'])).join(),
      /^warning: .*not valid for these names of the Service \("app\.shop, app\.shop\.svc"\)/,
    );
  });

  it('bring their authority into connection Secrets, when it is there and fits', () => {
    const pair = servedFor(100);
    const fields = {
      users: [{ name: 'app', passwordSecretRef: { name: 'db', key: 'password' } }],
      connectionSecrets: [{ name: 'app-uri', user: 'app', database: 'app' }],
      tls: { client: { mode: 'require', secretRef: { name: 'app-tls' } } },
    };
    const found = (values: object) => {
      const planned = planOffline(poolerOf({ backends: [{ host: 'pg' }], ...fields }, 'app'), {
        namespace: 'shop',
        defaultImage: 'pgbouncer:1.26.1',
        templateMode: 'restricted',
        secrets: [
          {
            name: 'app-tls',
            namespace: undefined,
            values: { 'tls.crt': pair.certificate, 'tls.key': pair.key, ...values },
          },
        ],
        showSecrets: false,
        now: NOW,
      });
      assert.ok(planned.ok, JSON.stringify(planned));
      return { yaml: renderYaml(planned.plan), warnings: planned.plan.warnings.map(formatWarning) };
    };
    const without = found({});
    assert.ok(!without.yaml.includes('ca.crt'));
    assert.deepEqual(without.warnings, []);
    const fits = found({ 'ca.crt': AUTHORITY.certificate });
    assert.match(fits.yaml, /ca\.crt: \|?\s*<app-tls\/ca\.crt>/);
    assert.deepEqual(fits.warnings, []);
    const other = found({
      'ca.crt': issueAuthority('other', { notBefore: NOW, notAfter: NOW + DAY * 99 }).certificate,
    });
    assert.match(
      other.warnings.join(),
      /spec\.connectionSecrets: holds authorities of which none signed .*app-tls\/ca\.crt/,
    );
  });

  it('of which the key is another one are refused', () => {
    const pair = { ...servedFor(100), key: servedFor(100).key };
    assert.match(linesOf(pair).join(), /app-tls\/tls\.key.*put the key that belongs to tls\.crt there/);
  });

  it('are not shown, unless that is asked for', () => {
    const pair = servedFor(100);
    const line = pair.key.split('\n')[1] ?? '';
    const [masked, shown] = [false, true].map((showSecrets) => plan(pair, { showSecrets }));
    assert.ok(masked?.ok && shown?.ok);
    assert.ok(!renderYaml(masked.plan).includes(line));
    assert.match(renderYaml(masked.plan), /<app-tls\/tls\.key>/);
    assert.ok(renderYaml(shown.plan).includes(line));
  });
});
