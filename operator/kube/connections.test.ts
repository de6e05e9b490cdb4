import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { certificateAuthority, issueCertificate } from '../../e2e/cluster/certificates.ts';
import { createKubeClient } from './client.ts';
import { createConnections } from './connections.ts';
import { ConnectionError } from './errors.ts';
import { sendJson, startProtocolServer } from './testing/protocol-server.ts';

interface Identity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

let directory: string;
let first: Identity;
let second: Identity;
const identity = async (name: string): Promise<Identity> => {
  const at = join(directory, name);
  const authority = await certificateAuthority(at);
  const pair = await issueCertificate(at, 'server', { commonName: name, hosts: ['127.0.0.1'] });
  const [ca, cert, key] = await Promise.all(
    [authority.certificate, pair.certificate, pair.key].map((file) => readFile(file, 'utf8')),
  );
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
};
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'connections-'));
  [first, second] = await Promise.all([identity('first'), identity('second')]);
});
after(() => rm(directory, { recursive: true }));

describe('connections', () => {
  it('are kept over TLS, and made anew when the CA changes', async () => {
    let given: RequestOptions = { ca: first.ca };
    await using server = await startProtocolServer((_request, response) => sendJson(response, 200, {}), {
      tls: first,
      requestOptions: async () => given,
    });
    const client = createKubeClient(server.access, { userAgent: 'x' });
    for (let count = 0; count < 20; count += 1) await client.request('GET', '/x');
    assert.equal(server.connections.length, 1);

    // Both are trusted now, as while a CA is being replaced.
    given = { ca: [first.ca, second.ca] };
    const anew = createConnections({ ...server.access });
    const before = await anew.target();
    given = { ca: second.ca };
    assert.equal(await anew.target(), before, 'the login is not read for every request');
    anew.forgetLogin();
    const now = await anew.target();
    assert.notEqual(now.agent, before.agent);
    given = { ca: second.ca, headers: { authorization: 'Bearer other' } };
    anew.forgetLogin();
    assert.equal((await anew.target()).agent, now.agent, 'another token needs no other connection');
    client.close();
    anew.close();
  });

  it('are not made to a server that the CA does not know, and are once the right CA is read', async () => {
    let given: RequestOptions = { ca: second.ca };
    await using server = await startProtocolServer((_request, response) => sendJson(response, 200, {}), {
      tls: first,
      requestOptions: async () => given,
    });
    const client = createKubeClient(server.access, { userAgent: 'x' });
    await assert.rejects(client.request('POST', '/x'), ConnectionError);
    assert.equal(server.requests.length, 0);
    given = { ca: first.ca };
    await client.request('POST', '/x');
    assert.equal(server.requests.length, 1);
    client.close();
  });

  it('ask again for a login that could not be read', async () => {
    let logins = 0;
    const connections = createConnections({
      server: 'http://127.0.0.1:1/behind/a/proxy/',
      requestOptions: async () => {
        logins += 1;
        if (logins === 1) throw new Error('no token yet');
        return { auth: 'me:planted' };
      },
    });
    await assert.rejects(connections.target(), /no token yet/);
    const target = await connections.target();
    assert.equal(target.basePath, '/behind/a/proxy');
    assert.equal(target.headers['authorization'], `Basic ${Buffer.from('me:planted').toString('base64')}`);
  });
});
