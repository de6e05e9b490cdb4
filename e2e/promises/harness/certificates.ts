/** Certificates of a test's own authority, and the Secrets that pods read them from. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CertificateRequest, certificateAuthority, issueCertificate } from '../../cluster/certificates.ts';
import { secret } from './secret.ts';

export interface Authority extends AsyncDisposable {
  /** The authority's certificate as PEM: what clients and servers verify the others with. */
  readonly certificate: string;
  /** A Secret as cert-manager writes it: `tls.crt`, `tls.key`, `ca.crt`. */
  secret(name: string, request: CertificateRequest): Promise<object>;
}

/** A new authority; its files are gone when it is disposed of. Two of one test have two names, as in a bundle of several. */
export async function createAuthority(name: string): Promise<Authority> {
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-authority-'));
  const text = (path: string): Promise<string> => readFile(path, 'utf8');
  const certificate = await text((await certificateAuthority(directory, name)).certificate);
  return {
    certificate,
    secret: async (name, request) => {
      const pair = await issueCertificate(directory, name, request);
      const [own, key] = await Promise.all([text(pair.certificate), text(pair.key)]);
      return secret(name, { 'tls.crt': own, 'tls.key': key, 'ca.crt': certificate });
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** All names of a Service that a certificate has to carry. */
export const serviceNames = (name: string, namespace: string): readonly string[] => [
  name,
  `${name}.${namespace}`,
  `${name}.${namespace}.svc`,
  `${name}.${namespace}.svc.cluster.local`,
];
