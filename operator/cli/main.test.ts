import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCli } from './testing/run-cli.ts';

const POOLER = `apiVersion: poolkeeper.dev/v1alpha1
kind: ConnectionPooler
metadata: {name: app}
spec:
  backends: [{host: pg}]
  databases: [{name: app}]
  users: [{name: app, passwordSecretRef: {name: app-db, key: password}}]
`;
const SECRET = `apiVersion: v1
kind: Secret
metadata: {name: app-db}
stringData: {password: planted-plain-secret}
`;
const BAD = POOLER.replace('spec:', 'spec:\n  replicas: -1\n  profile: fast\n  wrong: 1');

describe('kubectl pooler', { concurrency: 2 }, () => {
  let directory: string;
  const path = (name: string): string => join(directory, name);
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'poolkeeper-cli-'));
    await writeFile(path('good.yaml'), `${SECRET}---\n${POOLER}`);
    await writeFile(path('bad.yaml'), BAD);
    await writeFile(path('secret.yaml'), SECRET);
    await writeFile(path('broken.yaml'), 'a: [planted-plain-secret\nb: }');
    await writeFile(
      path('list.yaml'),
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [poolerNamed('one'), poolerNamed('two')] }),
    );
    await writeFile(path('empty.yaml'), '');
  });
  after(() => rm(directory, { recursive: true, force: true }));

  describe('validate', () => {
    it('says nothing and exits with 0 when all is well', async () => {
      assert.deepEqual(await runCli(['validate', '-f', path('good.yaml')]), { code: 0, stdout: '', stderr: '' });
    });

    it('prints one line for each fault, field, value and way out named, and exits with 1', async () => {
      const file = path('bad.yaml');
      const { code, stdout, stderr } = await runCli(['validate', '-f', file]);
      assert.equal(code, 1);
      assert.equal(stderr, '');
      const [unknown, ...faults] = stdout.trimEnd().split('\n').sort().toReversed();
      assert.match(unknown ?? '', /: spec\.wrong: is not a field; known here: replicas, suspend, /);
      assert.deepEqual(faults, [
        `${file}: spec.replicas: is too small (-1); give at least 0`,
        `${file}: spec.profile: is not a known value ("fast"); use one of: balanced, highThroughput, lowLatency, pgbouncer`,
      ]);
    });

    it('prints a line for each warning, and exits with 0 all the same', async () => {
      const warned = POOLER.replace('databases: [{name: app}]', 'databases: [{name: app, minPoolSize: 2}]');
      assert.deepEqual(await runCli(['validate', '-f', '-'], warned), {
        code: 0,
        stdout:
          'stdin: warning: spec.databases[0].minPoolSize: is kept only after a client of each user has been there: nothing is warm after a start (2); set spec.databases[0].serverUser, in whose name the connections can be opened\n',
        stderr: '',
      });
    });

    it('names the file of each fault when there are several', async () => {
      const { code, stdout } = await runCli(['validate', '-f', path('good.yaml'), '-f', path('bad.yaml')]);
      assert.equal(code, 1);
      for (const line of stdout.trimEnd().split('\n')) assert.ok(line.startsWith(`${path('bad.yaml')}: spec.`), line);
    });

    it('reads standard input', async () => {
      const { code, stdout } = await runCli(['validate', '-f', '-'], BAD);
      assert.equal(code, 1);
      assert.match(stdout, /^stdin: spec\.replicas: is too small \(-1\); give at least 0$/m);
    });

    it('stays on one line whatever stands in the file', async () => {
      const hostile = JSON.stringify({ 'a\nFILE: spec.x: all is well': 1, 'b\u009b2J': 1 });
      const { code, stdout } = await runCli(
        ['validate', '-f', '-'],
        POOLER.replace('spec:', `spec:\n  parameters: ${hostile}`),
      );
      assert.equal(code, 1);
      const lines = stdout.trimEnd().split('\n');
      assert.equal(lines.length, 2);
      for (const line of lines) assert.match(line, /^stdin: spec\.parameters\.[\P{Cc}]+$/u);
    });

    it('looks into a List, and at every document of a file', async () => {
      const bad = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [poolerNamed('good'), poolerNamed('Bad')] });
      const { code, stdout } = await runCli(['validate', '-f', '-'], `${bad}\n---\n${BAD}`);
      assert.equal(code, 1);
      assert.match(stdout, /metadata\.name: .*\("Bad"\)/);
      assert.match(stdout, /spec\.replicas/);
      assert.equal((await runCli(['validate', '-f', path('list.yaml')])).code, 0);
    });

    it('checks the values of Secrets in the same file, and does not show them', async () => {
      const secret = SECRET.replace('planted-plain-secret', '"planted-secret\\nwith a line break"');
      const { code, stdout } = await runCli(['validate', '-f', '-'], `${secret}---\n${POOLER}`);
      assert.equal(code, 1);
      assert.equal(
        stdout,
        'stdin: spec.users[0].passwordSecretRef: holds a line break or another control character ("app-db/password"); choose a password without\n',
      );
    });
  });

  describe('validate, of a Secret', () => {
    it('that holds no text names the key, and not what it holds', async () => {
      const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: app-db}\ndata: {password: wK8=}\n';
      const { code, stdout } = await runCli(['validate', '-f', '-'], `${secret}---\n${POOLER}`);
      assert.equal(code, 1);
      assert.equal(
        stdout,
        'stdin: spec.users[0].passwordSecretRef: is not UTF-8 text ("app-db/password"); put text there\n',
      );
    });
  });

  describe('render', () => {
    it('prints every object, and exits with 0', async () => {
      const { code, stdout, stderr } = await runCli(['render', '-f', path('good.yaml')]);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      const kinds = [...stdout.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind);
      assert.deepEqual(kinds, ['Secret', 'ServiceAccount', 'Secret', 'Deployment', 'Service', 'PodDisruptionBudget']);
      assert.ok(!stdout.includes('planted'));
      assert.match(stdout, /"app" "<app-db\/password>"/);
    });

    it('prints warnings to standard error, beside the objects', async () => {
      const warned = POOLER.replace('databases: [{name: app}]', 'databases: [{name: app, poolMode: transaction}]');
      const { code, stdout, stderr } = await runCli(['render', '-f', '-'], warned);
      assert.equal(code, 0);
      assert.match(stderr, /^stdin: warning: spec\.parameters\.server_reset_query_always: .+\n$/);
      assert.doesNotMatch(stdout, /warning/);
    });

    it('shows passwords when it is asked to', async () => {
      const { stdout } = await runCli(['render', '--show-secrets', '-f', path('good.yaml')]);
      assert.match(stdout, /"app" "planted-plain-secret"/);
    });

    it('finds Secrets that stand in another of the files', async () => {
      await writeFile(path('alone.yaml'), POOLER);
      const args = ['render', '--show-secrets', '-f', path('alone.yaml'), '-f', path('secret.yaml')];
      const { code, stdout, stderr } = await runCli(args);
      assert.match(stdout, /"app" "planted-plain-secret"/);
      assert.equal(code, 0, stderr);
    });

    it('prints the same twice', async () => {
      const [first, second] = await Promise.all([1, 2].map(() => runCli(['render', '-f', path('good.yaml')])));
      assert.deepEqual(first, second);
    });

    it('prints faults to standard error and no half of an answer', async () => {
      const { code, stdout, stderr } = await runCli(['render', '-f', path('bad.yaml')]);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /spec\.replicas/);
    });

    it('takes the namespace and the default image from the command line', async () => {
      const args = ['render', '-f', path('good.yaml'), '-n', 'shop', '--default-image', 'mine:1.24.1'];
      const { stdout } = await runCli(args);
      assert.match(stdout, /^ {2}namespace: shop$/m);
      assert.match(stdout, /image: mine:1\.24\.1$/m);
    });
  });

  describe('a call that is wrong', () => {
    const CALLS: readonly { readonly args: readonly string[]; readonly said: RegExp }[] = [
      { args: [], said: /^kubectl pooler: PgBouncer poolers/ },
      { args: ['destroy'], said: /there is no command destroy/ },
      { args: ['render'], said: /render needs -f FILE/ },
      { args: ['validate', '--nope'], said: /--nope/ },
      { args: ['render', '-f', 'x', '--pod-template', 'some'], said: /restricted or full, not some/ },
    ];
    for (const { args, said } of CALLS) {
      it(`exits with 2 and says how it is right: ${args.join(' ') || 'nothing'}`, async () => {
        const { code, stdout, stderr } = await runCli(args);
        assert.equal(code, 2);
        assert.equal(stdout, '');
        assert.match(stderr, said);
      });
    }

    it('asks for help and gets it', async () => {
      const { code, stdout } = await runCli(['--help']);
      assert.equal(code, 0);
      assert.match(stdout, /render +-f FILE/);
    });
  });

  describe('a file that is of no use', () => {
    const FILES = [
      { what: 'is not there', name: 'missing.yaml', said: /missing\.yaml: cannot be read .*; name a file/ },
      { what: 'is not YAML', name: 'broken.yaml', said: /broken\.yaml: is not YAML \(.+\); correct it/ },
      { what: 'is empty', name: 'empty.yaml', said: /empty\.yaml: holds no ConnectionPooler; name a file that does/ },
      { what: 'holds no pooler', name: 'secret.yaml', said: /secret\.yaml: holds no ConnectionPooler/ },
    ];
    for (const { what, name, said } of FILES) {
      it(`exits with 1, and the reason on one line: a file that ${what}`, async () => {
        const { code, stdout, stderr } = await runCli(['validate', '-f', path(name)]);
        assert.equal(code, 1);
        assert.equal(stdout, '');
        assert.match(stderr, said);
        assert.equal(stderr.trimEnd().split('\n').length, 1);
        assert.ok(!stderr.includes('planted'));
      });
    }
  });
});

const poolerNamed = (name: string): object => ({
  apiVersion: 'poolkeeper.dev/v1alpha1',
  kind: 'ConnectionPooler',
  metadata: { name },
  spec: { backends: [{ host: 'pg' }] },
});
