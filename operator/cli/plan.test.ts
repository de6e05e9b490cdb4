import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from './testing/run-cli.ts';

const file = (name: string): string => fileURLToPath(new URL(`testdata/${name}`, import.meta.url));
const BEFORE = file('before.yaml');
const AFTER = file('after.yaml');

/** A pooler of the same name, said on one line. */
const edited = (fields: string): string =>
  `{apiVersion: poolkeeper.dev/v1alpha1, kind: ConnectionPooler, metadata: {name: app, namespace: shop}, spec: {backends: [{host: pg}], ${fields}}}`;

describe('kubectl pooler plan', { concurrency: 2 }, () => {
  const CODES: readonly { readonly what: string; readonly from: string; readonly to: string; readonly code: number }[] =
    [
      { what: 'nothing changes', from: BEFORE, to: BEFORE, code: 0 },
      { what: 'pods are replaced', from: BEFORE, to: AFTER, code: 4 },
    ];
  for (const { what, from, to, code } of CODES) {
    it(`exits with ${code} when ${what}, if it is asked to, and with 0 if not`, async () => {
      const args = ['plan', '-f', to, '--from', from];
      assert.equal((await runCli([...args, '--exit-code'])).code, code);
      assert.deepEqual([(await runCli(args)).code, (await runCli(args)).stderr], [0, '']);
    });
  }

  it('exits with 3 when no client notices, and with 4 when some are cut off without a restart', async () => {
    const args = ['plan', '-f', '-', '--from', BEFORE, '--exit-code'];
    const same = (await runCli(['plan', '-f', '-', '--from', AFTER, '-o', 'json'], edited('replicas: 1'))).stdout;
    assert.equal(JSON.parse(same).outcome, 'restart');
    const { code, stdout } = await runCli(args, edited('databases: [{name: app}]'));
    assert.equal(code, 4);
    assert.match(stdout, /^app in shop: \d+ changes, no pod is replaced, some clients are cut off\.\n/);
    const reports = '{name: app}, {name: app_batch}';
    const kept =
      'users: [{name: app, passwordSecretRef: {name: a, key: b}}, {name: batch, passwordSecretRef: {name: a, key: b}}]';
    assert.equal((await runCli(args, edited(`replicas: 3, databases: [${reports}], ${kept}`))).code, 3);
  });

  it('prints data when it is asked to', async () => {
    const { stdout } = await runCli(['plan', '-f', AFTER, '--from', BEFORE, '-o', 'json']);
    const { name, outcome, pods } = JSON.parse(stdout);
    assert.deepEqual([name, outcome, pods.replaced], ['app', 'restart', 3]);
  });

  it('says what waits for a restart that somebody wants, and that nothing is written while suspended', async () => {
    const manual = (fields: string): string => edited(`rollout: {restart: Manual}, databases: [{name: app}]${fields}`);
    const args = ['plan', '-f', '-', '--from', BEFORE];
    const { stdout } = await runCli(args, manual(', parameters: {pkt_buf: 8192}, suspend: true'));
    assert.match(stdout, /no pod is replaced, pkt_buf waits for a restart, .*; suspended: nothing is written\.\n/);
    assert.match(stdout, /^ {2}1\. Nothing, until suspend is false: the operator writes nothing\. Then:$/m);
    assert.match(
      stdout,
      /^ {2}\d\. pkt_buf: RestartRequired, until the pods are restarted \(rollout\.restart is Manual\)\.$/m,
    );
  });

  it('says what would be created when the other file has no such pooler', async () => {
    const { stdout } = await runCli(
      ['plan', '-f', BEFORE, '-n', 'other', '--from', '-'],
      edited('replicas: 1').replace('name: app', 'name: b'),
    );
    assert.match(stdout, /^app in shop: would be created with 3 replicas\./);
  });

  it('exits with 1, names each fault, and plans nothing of an edit that is not valid', async () => {
    const { code, stdout, stderr } = await runCli(
      ['plan', '-f', '-', '--from', BEFORE, '--exit-code'],
      edited('replicas: -1'),
    );
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^stdin: spec\.replicas: is too small/);
  });

  it('says so when it is the other side that is not valid', async () => {
    const { code, stderr } = await runCli(['plan', '-f', BEFORE, '--from', '-'], edited('replicas: -1'));
    assert.equal(code, 1);
    assert.match(stderr, /^- is not valid itself: spec\.replicas/);
  });

  it('says which warnings the edit brings up, and not those that were there', async () => {
    const leaky = edited('databases: [{name: app, poolMode: session, poolSize: 2, maxClientConnections: 100}]');
    const { stderr } = await runCli(['plan', '-f', '-', '--from', BEFORE], leaky);
    assert.match(stderr, /^stdin: warning: spec\.databases\[0\]/m);
    const again = await runCli(['plan', '-f', AFTER, '--from', AFTER]);
    assert.equal(again.stderr, '');
  });

  it('shows no password, whatever the file holds', async () => {
    const secret =
      '{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: shop}, stringData: {b: planted-password}}';
    const users =
      'users: [{name: app, passwordSecretRef: {name: a, key: b}}], connectionSecrets: [{name: c, user: app, database: x}]';
    const { code, stdout, stderr } = await runCli(
      ['plan', '-f', '-', '--from', BEFORE],
      `${secret}\n---\n${edited(users)}`,
    );
    assert.equal(code, 0, stderr);
    assert.ok(!`${stdout}${stderr}`.includes('planted'));
  });
});

describe('kubectl pooler explain', { concurrency: 2 }, () => {
  it('explains every pooler of a file, as data too', async () => {
    const { code, stdout } = await runCli(['explain', '-f', BEFORE, '-o', 'json']);
    assert.equal(code, 0);
    const { name, version, sections } = JSON.parse(stdout);
    assert.deepEqual([name, version], ['app', '1.26.1']);
    assert.deepEqual(
      sections.map(({ section, name: entry = '' }: Record<string, string>) => `${section} ${entry}`),
      ['pgbouncer ', 'databases app', 'databases app_batch', 'users app', 'users batch'],
    );
    const two = await runCli(['explain', '-f', BEFORE, '-f', AFTER, '-o', 'json']);
    assert.equal(JSON.parse(two.stdout).length, 2);
  });

  const CALLS: readonly { readonly args: readonly string[]; readonly said: RegExp }[] = [
    { args: ['explain'], said: /explain needs the NAME of a pooler, or -f FILE/ },
    { args: ['explain', 'a', 'b'], said: /does not know what to do with a b/ },
    { args: ['explain', 'a', '-f', BEFORE], said: /does not know what to do with a/ },
    { args: ['explain', '-f', BEFORE, '-o', 'xml'], said: /explain has no output xml/ },
    { args: ['plan', '-f', BEFORE, '-o', 'yaml'], said: /plan has no output yaml/ },
    { args: ['plan', 'app'], said: /plan needs -f FILE/ },
  ];
  for (const { args, said } of CALLS) {
    it(`exits with 2 and says how it is right: ${args.filter((arg) => arg !== BEFORE).join(' ')}`, async () => {
      const { code, stdout, stderr } = await runCli(args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, said);
    });
  }
});
