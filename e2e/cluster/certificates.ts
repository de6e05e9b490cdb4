// The certificates of a control plane: one authority, and what it signs. Made with the openssl command, since Node can
// read certificates and not issue them. They live as long as the cluster's state directory.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { exists } from './exists.ts';
import { run } from './run.ts';

/** Paths of PEM files. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** Kubernetes reads these as the user's groups. */
  readonly organizations?: readonly string[];
  /** DNS names and addresses of a server; none makes it a client's certificate only. */
  readonly hosts?: readonly string[];
}

/** A self-signed authority in `directory`, made when it is not there yet. */
export async function certificateAuthority(directory: string, name = 'poolkeeper-cluster-ca'): Promise<KeyPair> {
  const pair = pairIn(directory, 'ca');
  if (await exists(pair.certificate)) return pair;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await openssl('req', '-x509', ...newKey, '-keyout', pair.key, '-out', pair.certificate, '-days', '3650',
    '-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign'); // biome-ignore format: one option a word
  return pair;
}

/** A certificate signed by the authority of `directory`, in `<name>.crt` and `<name>.key`, made when it is not there yet. */
export async function issueCertificate(directory: string, name: string, request: CertificateRequest): Promise<KeyPair> {
  const pair = pairIn(directory, name);
  if (await exists(pair.certificate)) return pair;
  const authority = await certificateAuthority(directory);
  const signingRequest = join(directory, `${name}.csr`);
  const extensions = join(directory, `${name}.ext`);
  const hosts = request.hosts ?? [];
  const subject = [...(request.organizations ?? []).map((o) => `/O=${o}`), `/CN=${request.commonName}`].join('');
  await writeFile(
    extensions,
    [
      'basicConstraints=CA:FALSE',
      'keyUsage=critical,digitalSignature',
      `extendedKeyUsage=clientAuth${hosts.length > 0 ? ',serverAuth' : ''}`,
      ...(hosts.length > 0 ? [`subjectAltName=${hosts.map((h) => (isIP(h) ? `IP:${h}` : `DNS:${h}`)).join(',')}`] : []),
    ].join('\n'),
  );
  await openssl('req', '-new', ...newKey, '-keyout', pair.key, '-out', signingRequest, '-subj', subject);
  await openssl('x509', '-req', '-in', signingRequest, '-CA', authority.certificate, '-CAkey', authority.key,
    '-set_serial', `0x${crypto.randomUUID().replaceAll('-', '')}`, '-days', '3650', '-extfile', extensions, '-out', pair.certificate); // biome-ignore format: one option a word
  return pair;
}

/** The key pair with which a control plane signs service account tokens: private key and public key. */
export async function serviceAccountKeys(
  directory: string,
): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const privateKey = join(directory, 'service-accounts.key');
  const publicKey = join(directory, 'service-accounts.pub');
  if (!(await exists(publicKey))) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', privateKey);
    await openssl('ec', '-in', privateKey, '-pubout', '-out', publicKey);
  }
  return { privateKey, publicKey };
}

/** Writes a kubeconfig that holds its certificates itself, readable by its owner only. */
export async function writeKubeconfig(
  file: string,
  server: string,
  authority: KeyPair,
  client: KeyPair,
): Promise<string> {
  const data = async (path: string): Promise<string> => (await readFile(path)).toString('base64');
  const name = 'poolkeeper';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': await data(authority.certificate) } }],
    users: [
      {
        name,
        user: { 'client-certificate-data': await data(client.certificate), 'client-key-data': await data(client.key) },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  await writeFile(file, JSON.stringify(config, undefined, 2), { mode: 0o600 });
  return file;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function openssl(...args: readonly string[]): Promise<void> {
  await run('openssl', args);
}

function pairIn(directory: string, name: string): KeyPair {
  return { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
}
