import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { apiAccess, inCluster } from './access.ts';

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'access-'));
});
after(() => rm(directory, { recursive: true }));

describe('access from inside a cluster', () => {
  it('reads token and CA anew each time it is asked', async () => {
    await writeFile(join(directory, 'ca.crt'), 'first CA');
    await writeFile(join(directory, 'token'), 'first\n');
    const access = inCluster('10.96.0.1', '443', directory);
    const options = await access.requestOptions();
    assert.deepEqual(options, { ca: Buffer.from('first CA'), headers: { authorization: 'Bearer first' } });
    await writeFile(join(directory, 'token'), 'second');
    assert.deepEqual((await access.requestOptions()).headers, { authorization: 'Bearer second' });
  });

  for (const [host, server] of [
    ['10.96.0.1', 'https://10.96.0.1:443'],
    ['fd00::1', 'https://[fd00::1]:443'],
  ] as const) {
    it(`finds the server at ${server}`, () => assert.equal(inCluster(host, '443').server, server));
  }

  it('is taken when the environment says so, and no kubeconfig is named', async () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '6443' };
    assert.equal((await apiAccess({}, env)).server, 'https://10.96.0.1:6443');
  });
});

describe('access by a kubeconfig', () => {
  const kubeconfig = (): Promise<string> => {
    const file = join(directory, 'kubeconfig');
    const cluster = (name: string, server: string) => ({ name, cluster: { server } });
    const context = (name: string) => ({ name, context: { cluster: name, user: 'me' } });
    const config = {
      clusters: [cluster('one', 'https://one.example:6443'), cluster('two', 'https://two.example/k8s')],
      contexts: [context('one'), context('two')],
      users: [{ name: 'me', user: { token: 'planted' } }],
      'current-context': 'one',
    };
    return writeFile(file, JSON.stringify(config)).then(() => file);
  };

  it('takes the current context of the file, also inside a cluster', async () => {
    const access = await apiAccess({ file: await kubeconfig() }, { KUBERNETES_SERVICE_HOST: '10.96.0.1' });
    assert.equal(access.server, 'https://one.example:6443');
    assert.deepEqual((await access.requestOptions()).headers, { Authorization: 'Bearer planted' });
  });

  it('takes the context that is named', async () => {
    assert.equal((await apiAccess({ file: await kubeconfig(), context: 'two' }, {})).server, 'https://two.example/k8s');
  });

  it('names the contexts that there are, when the one that is named is not', async () => {
    await assert.rejects(apiAccess({ file: await kubeconfig(), context: 'three' }, {}), /no context "three".*one, two/);
  });

  it('says where it looked when there is none, instead of asking a server that nobody named', async () => {
    const { HOME, KUBECONFIG } = process.env;
    process.env['HOME'] = join(directory, 'nobody');
    delete process.env['KUBECONFIG'];
    try {
      await assert.rejects(
        apiAccess({}, {}),
        /no kubeconfig: KUBECONFIG is not set, and there is no .*nobody\/\.kube\/config/,
      );
    } finally {
      process.env['HOME'] = HOME;
      if (KUBECONFIG !== undefined) process.env['KUBECONFIG'] = KUBECONFIG;
    }
  });
});
