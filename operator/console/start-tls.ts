/**
 * Asks whoever answers for TLS before anything else is said, and goes on in plain where there is none.
 *
 * No authority is asked about the certificate: the address of a pod is in none. What it must be is known, and compared
 * by fingerprint, see prove-certificate.ts.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { ConsoleProtocolError } from './errors.ts';

/** PEM texts. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface Started {
  /** To go on with. */
  readonly socket: Socket;
  /** SHA-256 of the certificate that was served, in hexadecimal; undefined without TLS. */
  readonly fingerprint: string | undefined;
}

/** PostgreSQL's request for TLS: its length, and a code in place of a version. */
const REQUEST_TLS = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
/** What a console is configured with is not for the operator to judge: it must get in to change it. */
const ANY = { ciphers: 'DEFAULT:@SECLEVEL=0', minVersion: 'TLSv1' } as const;

/**
 * @param certificate shown to who demands one
 * @throws ConsoleProtocolError, or what the socket or OpenSSL says; never settles when nothing is answered
 */
export async function startTls(socket: Socket, certificate: ClientCertificate | undefined): Promise<Started> {
  socket.write(REQUEST_TLS);
  const [answer]: readonly unknown[] = await once(socket, 'data');
  // Nothing that arrives from here on may be lost before somebody listens.
  socket.pause();
  const word = Buffer.isBuffer(answer) ? answer.toString('latin1') : '';
  if (word === 'N') return { socket, fingerprint: undefined };
  // More than the one byte would be what somebody put in front of the encrypted part.
  if (word !== 'S') throw new ConsoleProtocolError('what answers is not a PgBouncer console');
  const tls: TLSSocket = connect({
    socket,
    rejectUnauthorized: false,
    ...ANY,
    ...(certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key }),
  });
  await once(tls, 'secureConnect');
  const fingerprint = tls.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase();
  return { socket: tls, fingerprint };
}
