/**
 * The samples that need something beforehand, with that made as their first lines say: a function in the database,
 * certificates in Secrets, cert-manager.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Client } from 'pg';
import { runCli } from '../../operator/cli/testing/run-cli.ts';
import { type Authority, createAuthority, serviceNames } from './harness/certificates.ts';
import { serviceAddress } from './harness/clients.ts';
import { applySample } from './harness/samples.ts';
import { secret } from './harness/secret.ts';
import { serverName, startServers } from './harness/servers.ts';
import { cluster, createWorld, type Pod, type World } from './harness/world.ts';

const SERVER = serverName('18');
const CERTIFICATES = 'certificates.cert-manager.io';
const CERT_MANAGER = new URL('../../operator/controllers/testdata/cert-manager-certificates.yaml', import.meta.url);

const whoAmI = 'SELECT current_user AS "user", current_database() AS db';

describe('the sample auth-query.yaml', () => {
  let world: World;
  let server: Client;
  let pods: readonly Pod[];
  before(async () => {
    world = await createWorld('lookup', {}, { postgres: false });
    await using authority = await createAuthority('company');
    await startServers(world, authority, { versions: ['18'], lookup: false });
    const spec = { selector: { app: SERVER }, ports: [{ port: 5432 }] };
    await world.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'postgres' }, spec });
    // As the sample says: what `sql` prints, then a password, both by psql.
    const psql = ['exec', '-i', `deployment/${SERVER}`, '--', 'psql', '-v', 'ON_ERROR_STOP=1', '-h', '/tmp'];
    const asSuperuser = ['-n', world.namespace, ...psql, '-U', 'postgres', '-d', 'postgres'];
    const { stdout } = await runCli(['sql']);
    await cluster.kubectl(asSuperuser, { input: stdout });
    const twice = `${world.password}\n${world.password}\n`;
    await cluster.kubectl([...asSuperuser, '-c', '\\password pooler_auth'], { input: twice });
    const host = await serviceAddress(world, SERVER);
    server = await world.connect(host, { port: 5432, user: 'postgres', database: 'postgres' });
    await applySample(world, 'auth-query.yaml');
    await world.ready('app', 120);
    pods = await world.pods();
  });
  after(async () => {
    await server?.end();
    await world?.remove();
  });

  it('fits its budget, and asks the server for the password of the user that it limits', async () => {
    assert.equal((await world.condition('BudgetValid')).status, 'True');
    assert.equal(pods.length, 2);
    for (const pod of pods)
      assert.deepEqual((await world.query(pod, whoAmI)).rows, [{ user: 'app', db: 'app' }], pod.metadata.name);
  });

  it('lets in who was made, and whose password was changed, in PostgreSQL alone', async () => {
    const [pod] = pods;
    assert.ok(pod);
    const revision = (await world.pooler()).status?.config?.revision;
    const as = (password: string) => world.query(pod, whoAmI, { user: 'newcomer', password });
    await assert.rejects(as('first-pw'));
    await server.query("CREATE ROLE newcomer LOGIN PASSWORD 'first-pw'");
    assert.deepEqual((await as('first-pw')).rows, [{ user: 'newcomer', db: 'app' }]);
    await server.query("ALTER ROLE newcomer PASSWORD 'second-pw'");
    assert.deepEqual((await as('second-pw')).rows, [{ user: 'newcomer', db: 'app' }]);
    await assert.rejects(as('first-pw'));
    assert.equal((await world.pooler()).status?.config?.revision, revision);
  });

  it('lets nobody but dba on the console, and no client to the database of the question', async () => {
    const [pod] = pods;
    assert.ok(pod);
    await server.query(`CREATE ROLE dba LOGIN PASSWORD '${world.password}'`);
    const { rows } = await world.query(pod, 'SHOW VERSION', { user: 'dba', database: 'pgbouncer' });
    assert.match(String(rows[0]?.['version']), /^PgBouncer 1\./);
    await assert.rejects(world.query(pod, 'SHOW VERSION', { database: 'pgbouncer' }));
    await assert.rejects(world.query(pod, whoAmI, { database: 'postgres' }));
  });
});

/** A client that knows the pooler by the authority, and by one of the names of its Service. */
const verifying = (authority: Authority, servername: string) => ({
  startup: { ssl: { ca: authority.certificate, servername } },
});

describe('the sample tls.yaml', () => {
  it('lets clients in with TLS only, and meets a server that it knows by its authority', async () => {
    const world = await createWorld('encrypted', {}, { postgres: false });
    try {
      await using authority = await createAuthority('company');
      await startServers(world, authority, { versions: ['18'] });
      const hosts = serviceNames('app', world.namespace);
      await world.apply(await authority.secret('app-tls', { commonName: 'app', hosts }));
      await world.apply(secret('pg-ca', { 'ca.crt': authority.certificate }));
      await applySample(world, 'tls.yaml', SERVER);
      await world.ready('app', 120);
      for (const pod of await world.pods()) {
        await assert.rejects(world.query(pod, whoAmI), /SSL required/);
        for (const name of hosts) {
          const { rows } = await world.query(
            pod,
            'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
            verifying(authority, name),
          );
          assert.deepEqual(rows, [{ ssl: true }], name);
        }
      }
    } finally {
      await world.remove();
    }
  });
});

describe('the sample tls-cert-manager.yaml', () => {
  let world: World;
  let authority: Authority;
  before(async () => {
    world = await createWorld('issued');
    authority = await createAuthority('company');
    await applySample(world, 'tls-cert-manager.yaml');
  });
  after(async () => {
    await world?.remove();
    await authority?.[Symbol.asyncDispose]();
    await cluster.kubectl(['delete', 'crd', CERTIFICATES, '--ignore-not-found', '--wait=false']);
  });

  /** As cert-manager does: a Secret with a certificate for every name that is asked for. @returns the names */
  async function issue(serial: string): Promise<readonly string[]> {
    const stored = await world.kubectl('get', CERTIFICATES, 'app-issued-tls', '-o', 'json');
    const { spec } = JSON.parse(stored) as {
      readonly spec: {
        readonly secretName: string;
        readonly dnsNames: readonly string[];
        readonly issuerRef: { readonly name: string; readonly kind: string };
      };
    };
    assert.equal(`${spec.issuerRef.kind} ${spec.issuerRef.name}`, 'ClusterIssuer company-ca');
    const issued = await authority.secret(serial, { commonName: spec.dnsNames[0] ?? '', hosts: spec.dnsNames });
    await world.apply({ ...issued, metadata: { name: spec.secretName } });
    return spec.dnsNames;
  }
  const served = async (): Promise<string | undefined> => (await world.pooler()).status?.certificates?.[0]?.sha256;

  it('says what it waits for, without cert-manager and with one that has not issued yet', async () => {
    const says = (pattern: RegExp) =>
      world.until(`CertificatesValid to say ${pattern}`, async () =>
        pattern.test((await world.condition('CertificatesValid')).message),
      );
    await says(/cert-manager is not installed/);
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: await readFile(CERT_MANAGER, 'utf8') });
    await world.until('a Certificate is asked for', async () => {
      await world.kubectl('get', CERTIFICATES, 'app-issued-tls');
      return true;
    });
    await world.until('the message is of the Certificate', async () => {
      const { reason, message } = await world.condition('CertificatesValid');
      return reason === 'WaitingForIssuer' && !message.includes('not installed');
    });
  });

  it('serves what was issued by every name of the Service, and what is issued next by the same pods', async () => {
    const names = await issue('first');
    await world.ready('app', 120);
    const pods = await world.pods();
    for (const pod of pods)
      for (const name of names)
        assert.deepEqual((await world.query(pod, whoAmI, verifying(authority, name))).rows, [
          { user: 'app', db: 'app' },
        ]);
    const first = await served();
    assert.ok(first);
    await issue('second');
    await world.until('the second is served by all', async () => {
      const { status } = await world.pooler();
      return (await served()) !== first && status?.config?.provedReplicas === pods.length;
    });
    for (const pod of pods) await world.query(pod, whoAmI, verifying(authority, 'app'));
    assert.deepEqual(
      (await world.pods()).map(({ metadata }) => metadata.uid).sort(),
      pods.map(({ metadata }) => metadata.uid).sort(),
    );
  });
});
