import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { certificateAuthority, issueCertificate, writeKubeconfig } from './certificates.ts';

describe('the certificates of a cluster', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'certificates-'));
  });
  after(() => rm(directory, { recursive: true }));
  const read = async (path: string): Promise<X509Certificate> => new X509Certificate(await readFile(path));

  test("a server's is signed by the authority and names its hosts and addresses", async () => {
    const authority = await read((await certificateAuthority(directory)).certificate);
    const pair = await issueCertificate(directory, 'server', {
      commonName: 'server',
      hosts: ['localhost', '10.96.0.1'],
    });
    const server = await read(pair.certificate);
    assert.ok(server.verify(authority.publicKey));
    assert.equal(server.checkHost('localhost'), 'localhost');
    assert.equal(server.checkIP('10.96.0.1'), '10.96.0.1');
    assert.equal(server.checkIP('10.96.0.2'), undefined);
    assert.equal(server.ca, false);
  });

  test("a user's carries its groups, and can be no server", async () => {
    const pair = await issueCertificate(directory, 'user', { commonName: 'jane', organizations: ['devs', 'ops'] });
    const user = await read(pair.certificate);
    assert.equal(user.subject, 'O=devs\nO=ops\nCN=jane');
    assert.deepEqual(user.keyUsage, ['1.3.6.1.5.5.7.3.2']); // client authentication
  });

  test('are made once: asking again gives the same', async () => {
    const first = await issueCertificate(directory, 'once', { commonName: 'once' });
    const before = await readFile(first.certificate, 'utf8');
    await issueCertificate(directory, 'once', { commonName: 'once' });
    assert.equal(await readFile(first.certificate, 'utf8'), before);
  });

  test('a kubeconfig holds them itself and is readable by its owner only', async () => {
    const authority = await certificateAuthority(directory);
    const client = await issueCertificate(directory, 'admin', { commonName: 'admin' });
    const file = await writeKubeconfig(join(directory, 'kubeconfig'), 'https://127.0.0.1:6443', authority, client);
    const config = JSON.parse(await readFile(file, 'utf8'));
    const embedded = Buffer.from(config.users[0].user['client-certificate-data'], 'base64').toString();
    assert.equal(embedded, await readFile(client.certificate, 'utf8'));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });
});
