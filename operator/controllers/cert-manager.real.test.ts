/** Certificates by cert-manager: its kind is the real one, who issues is a stand-in that leaves Secrets as it does. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../kube/objects.ts';
import { get, list, mergePatch } from '../kube/operations.ts';
import { CERTIFICATES, PODS } from '../kube/resources.ts';
import { fingerprintOf } from '../plan/certificate.ts';
import { issue, issueAuthority } from '../plan/testing/issue.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const AUTHORITY = issueAuthority('issuing authority');
const SECRET = 'app-issued-tls';
const ISSUER = { name: 'ours', kind: 'ClusterIssuer' } as const;
const tls = { client: { mode: 'require', certificate: { issuerRef: ISSUER, dnsNames: ['db.example.com'] } } } as const;
const CRD = new URL('testdata/cert-manager-certificates.yaml', import.meta.url);

interface Certificate extends KubeObject {
  readonly spec: {
    readonly secretName: string;
    readonly dnsNames: readonly string[];
    readonly issuerRef: { readonly name: string; readonly kind: string; readonly group: string };
  };
}

await inOwnNetwork(import.meta.filename, () => {
  describe('a pooler that names an issuer', () => {
    let stage: Stage;
    before(async () => {
      stage = await startStage({ flags: ['--cluster-domain=example.internal'] });
    });
    after(() => stage?.stop());

    const certificate = (): Promise<Certificate> =>
      get<Certificate>(stage.client, CERTIFICATES, stage.namespace, SECRET);
    const says = (reason: string, pattern: RegExp): Promise<void> =>
      until(`CertificatesValid to say ${reason}`, async () => {
        const found = await stage.condition('app', 'CertificatesValid');
        return found?.reason === reason && pattern.test(found.message) ? true : `${found?.reason}: ${found?.message}`;
      });
    /** As cert-manager does: the chain, the key and the authority. @returns the fingerprint */
    const fulfil = async (): Promise<string> => {
      const { spec } = await certificate();
      const issued = issue({
        commonName: spec.dnsNames[0] ?? '',
        names: spec.dnsNames,
        use: 'server',
        issuer: AUTHORITY,
      });
      const data = { 'tls.crt': issued.certificate, 'tls.key': issued.key, 'ca.crt': AUTHORITY.certificate };
      await stage.secret(spec.secretName, data);
      return fingerprintOf(new X509Certificate(issued.certificate));
    };
    const podName = async (): Promise<string | undefined> =>
      (await list<KubeObject>(stage.client, PODS, stage.namespace)).items[0]?.metadata.name;

    it('is told that there is no cert-manager, and waits', async () => {
      await stage.pooler('app', { tls });
      await says('WaitingForIssuer', /cert-manager is not installed/);
    });

    it('asks as soon as there is one, for every name of the Service', async () => {
      await stage.kubectl(['apply', '--server-side', '-f', '-'], await readFile(CRD, 'utf8'));
      await until('a Certificate', async () =>
        certificate().then(
          () => true as const,
          (error: unknown) => String(error),
        ),
      );
      const { spec, metadata } = await certificate();
      const { namespace } = stage;
      assert.deepEqual(spec.dnsNames, [
        'app',
        `app.${namespace}`,
        `app.${namespace}.svc`,
        `app.${namespace}.svc.example.internal`,
        'db.example.com',
      ]);
      assert.deepEqual(spec.issuerRef, { name: 'ours', kind: 'ClusterIssuer', group: 'cert-manager.io' });
      assert.equal(spec.secretName, SECRET);
      assert.equal(metadata.ownerReferences?.[0]?.kind, 'ConnectionPooler');
    });

    it('passes on what cert-manager says', async () => {
      const conditions = [
        {
          type: 'Ready',
          status: 'False',
          reason: 'DoesNotExist',
          message: 'Issuing certificate as Secret does not exist',
        },
      ];
      await mergePatch(
        stage.client,
        CERTIFICATES,
        stage.namespace,
        SECRET,
        { status: { conditions } },
        { subresource: 'status' },
      );
      await says('WaitingForIssuer', /cert-manager says: Issuing certificate as Secret does not exist/);
    });

    it('serves what was issued, and what is issued next, without a restart', async () => {
      const first = await fulfil();
      await until('the first to be served', async () => {
        const { status } = await stage.read('app');
        return status?.certificates?.[0]?.sha256 === first && status.config?.provedReplicas === 1
          ? true
          : JSON.stringify(status?.config);
      });
      await says('Valid', /ends on/);
      const pod = await podName();
      const second = await fulfil();
      await until('the second to be served', async () => {
        const { status } = await stage.read('app');
        const { config, certificates } = status ?? {};
        return certificates?.[0]?.sha256 === second &&
          config?.provedReplicas === 1 &&
          config.revision === config.desiredRevision
          ? true
          : JSON.stringify(config);
      });
      assert.equal(await podName(), pod);
    });

    it('keeps the Certificate while the specification is not valid', async () => {
      const { uid } = (await certificate()).metadata;
      await stage.pooler('app', { tls, parameters: { no_such_setting: 1 } });
      await until('the pooler to be stalled', async () => {
        const stalled = await stage.condition('app', 'Stalled');
        return stalled?.status === 'True' ? true : (stalled?.message ?? 'nothing');
      });
      assert.equal((await certificate()).metadata.uid, uid);
      await stage.proved('app', await stage.pooler('app', { tls }));
    });

    it('puts right what a hand changed, and takes the Certificate back when it is not wanted any more', async () => {
      await mergePatch(stage.client, CERTIFICATES, stage.namespace, SECRET, { spec: { dnsNames: ['other'] } });
      await until('the names to be back', async () =>
        (await certificate()).spec.dnsNames[0] === 'app' ? true : 'other',
      );
      await stage.proved('app', await stage.pooler('app'));
      await until('the Certificate to be gone', async () =>
        certificate().then(
          () => 'there',
          () => true as const,
        ),
      );
    });
  });
});
