import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { established } from '../../e2e/cluster/established.ts';
import { poolerOf } from '../api/testing/json.ts';
import { validatePooler } from '../api/validate.ts';
import { type RealApi, startRealApi } from '../kube/testing/real-api.ts';
import { deployment } from '../plan/objects.ts';
import { planPodTemplate } from '../plan/pod-template.ts';
import { runCli } from './testing/run-cli.ts';

const REF = { passwordSecretRef: { name: 'app-db', key: 'password' } };
const SPEC = {
  backends: [{ host: 'pg' }],
  databases: [{ name: 'app', poolSize: 5 }],
  users: [{ name: 'app', ...REF }],
};

describe('a pooler in a cluster, read with the rights of whoever asks', () => {
  let api: RealApi;
  let namespace: string;
  let args: readonly string[];
  const apply = async (object: object): Promise<string> =>
    (await api.controlPlane?.kubectl(['-n', namespace, 'apply', '--server-side', '-f', '-'], JSON.stringify(object))) ??
    '';
  before(async () => {
    api = await startRealApi({ controllers: false });
    await installDefinition();
    namespace = await api.namespace();
    args = ['--kubeconfig', api.kubeconfig, '-n', namespace];
    await apply(poolerOf({ ...SPEC, replicas: 3 }, 'app'));
    // An older image: what runs decides, not the default of whoever asks.
    const validated = validatePooler(poolerOf(SPEC, 'app'), 'refuse');
    assert.ok(validated.ok);
    const metadata = { ...validated.pooler.metadata, namespace };
    const { template } = planPodTemplate({
      name: 'app',
      spec: validated.pooler.spec,
      image: 'mine:1.24.1',
      version: '1.24.1',
      restartOnly: {},
      credentials: '',
    });
    const object = deployment(
      { ...validated.pooler, metadata },
      { replicas: 3, paused: false, version: '1.24.1', template },
    );
    await apply({ ...object, metadata: { ...object.metadata, ownerReferences: [] } });
  });
  after(() => api?.stop());

  async function installDefinition(): Promise<void> {
    const crd = await readFile('crds/poolkeeper.dev_connectionpoolers.yaml', 'utf8');
    await api.controlPlane?.kubectl(['apply', '--server-side', '-f', '-'], crd);
    if (api.controlPlane !== undefined) await established(api.controlPlane);
  }

  it('is explained by name, for the PgBouncer that runs', async () => {
    const { code, stdout, stderr } = await runCli(['explain', 'app', ...args]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^app in ${namespace}: PgBouncer 1\\.24\\.1, profile balanced, 3 replicas`));
    assert.match(stdout, /^ {2}pool_size +5 +spec\.databases\[0\]\.poolSize +reload$/m);
  });

  it('is what an edit is compared with: nothing to do for itself', async () => {
    const { code, stdout, stderr } = await runCli(
      ['plan', '-f', '-', '--exit-code', ...args],
      JSON.stringify(poolerOf({ ...SPEC, replicas: 3 }, 'app')),
    );
    assert.deepEqual([code, stdout, stderr], [0, `app in ${namespace}: nothing changes.\n`, '']);
  });

  it('is what an edit is compared with: a reload, and a restart when the image changes', async () => {
    const edit = { ...SPEC, replicas: 3, databases: [{ name: 'app', poolSize: 6 }] };
    const reload = await runCli(['plan', '-f', '-', '--exit-code', ...args], JSON.stringify(poolerOf(edit, 'app')));
    assert.equal(reload.code, 3, reload.stderr);
    assert.match(reload.stdout, /pool_size +5 → 6 +reload/);
    const upgrade = JSON.stringify(poolerOf({ ...edit, image: 'mine:1.26.1' }, 'app'));
    const restart = await runCli(['plan', '-f', '-', '--exit-code', ...args], upgrade);
    assert.equal(restart.code, 4);
    assert.match(
      restart.stdout,
      /because PgBouncer changes from 1\.24\.1 to 1\.26\.1, the image changes to mine:1\.26\.1/,
    );
  });

  it('would be created when it is not there', async () => {
    const { code, stdout } = await runCli(['plan', '-f', '-', ...args], JSON.stringify(poolerOf(SPEC, 'other')));
    assert.equal(code, 0);
    assert.match(stdout, /would be created/);
    const missing = await runCli(['explain', 'other', ...args]);
    assert.equal(missing.code, 1);
    assert.equal(
      missing.stderr,
      `there is no ConnectionPooler other in ${namespace}; name another one, or its namespace with -n\n`,
    );
  });

  it('cannot be had from a cluster that is not there, or a context that does not exist, and that is said in a line', async () => {
    const { code, stderr } = await runCli(['explain', 'app', ...args, '--context', 'nowhere']);
    assert.equal(code, 2);
    assert.match(stderr, /^kubectl pooler: there is no context "nowhere" in the kubeconfig; there are: .+\n$/);
  });
});
