/**
 * The connections to the API server: kept and used again, replaced when the CA or the client certificate changes, and
 * dropped when they turn out to be dead. The official client opens a new one for each call. Node's own https, not undici:
 * measured, that is 0.2 ms more per call and 10 MiB less memory.
 */
import { type Agent, Agent as HttpAgent, type OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { ApiAccess } from './access.ts';

/** Where a request goes, and what it shows there. */
export interface Target {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** In front of every path; empty, or `/k8s/clusters/x` behind a proxy. */
  readonly basePath: string;
  readonly headers: OutgoingHttpHeaders;
  readonly agent: Agent;
}

export interface Connections {
  target(): Promise<Target>;
  /** Asks for the login anew at the next request: it was refused, or its CA does not fit. */
  forgetLogin(): void;
  /** Closes the connections that wait for use: one of them was dead, so all of them may be. */
  dropIdle(): void;
  close(): void;
}

/** Tokens and CAs rotate within hours; reading them for every request is most of a request's work. */
const LOGIN_MS = 10_000;
/** Shorter than the 90 s after which an API server closes idle connections, so that none is closed under a request. */
const IDLE_MS = 60_000;
const IDLE_CONNECTIONS = 16;
/** The first probe of a silent connection; the kernel then asks every second, and after ten takes it for dead. */
const KEEP_ALIVE_MS = 15_000;

export function createConnections(access: ApiAccess): Connections {
  const server = new URL(access.server);
  const secure = server.protocol === 'https:';
  const place = {
    secure,
    host: server.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(server.port || (secure ? 443 : 80)),
    basePath: server.pathname.replace(/\/$/, ''),
  };
  let login: { readonly at: number; readonly target: Promise<Target> } | undefined;
  let pool: { readonly identity: string; readonly agent: Agent } | undefined;

  const poolFor = (tls: RequestOptions): Agent => {
    // A proxy that the kubeconfig names is the official client's business.
    if (tls.agent && isProxy(tls.agent)) return tls.agent;
    const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = tls;
    const identity = JSON.stringify([ca, cert, key, pfx, passphrase, servername, rejectUnauthorized].map(text));
    if (pool?.identity === identity) return pool.agent;
    // Requests under way end on the old connections; new ones see the new CA.
    if (pool !== undefined) closeIdle(pool.agent);
    const keep = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_MS,
      maxFreeSockets: IDLE_CONNECTIONS,
      scheduling: 'lifo',
      timeout: IDLE_MS,
    } as const;
    const identified = { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized };
    const given = Object.fromEntries(Object.entries(identified).filter(([, value]) => value !== undefined));
    const agent = secure ? new HttpsAgent({ ...keep, ...given }) : new HttpAgent(keep);
    // It has one server and one identity: spelling out all certificates for every request is a third of its work.
    agent.getName = () => identity;
    pool = { identity, agent };
    return agent;
  };
  const logIn = async (): Promise<Target> => {
    const tls = await access.requestOptions();
    const basic =
      typeof tls.auth === 'string' ? { authorization: `Basic ${Buffer.from(tls.auth).toString('base64')}` } : {};
    return { ...place, headers: { ...basic, ...plainHeaders(tls.headers) }, agent: poolFor(tls) };
  };
  const forgetLogin = (): void => {
    login = undefined;
  };

  return {
    target: () => {
      const now = performance.now();
      if (login === undefined || now - login.at > LOGIN_MS) {
        const target = logIn();
        login = { at: now, target };
        // A login that failed is not one to remember.
        target.catch(forgetLogin);
      }
      return login.target;
    },
    forgetLogin,
    dropIdle: () => {
      if (pool !== undefined) closeIdle(pool.agent);
    },
    close: () => pool?.agent.destroy(),
  };
}

function closeIdle(agent: Agent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

/** The official client always makes an agent; those for proxies are of other classes. */
const isProxy = (agent: unknown): agent is Agent =>
  agent instanceof HttpAgent && agent.constructor !== HttpsAgent && agent.constructor !== HttpAgent;

const plainHeaders = (headers: RequestOptions['headers']): OutgoingHttpHeaders =>
  Array.isArray(headers) || headers === undefined ? {} : { ...(headers as OutgoingHttpHeaders) };

const text = (value: unknown): string =>
  Buffer.isBuffer(value) ? value.toString('base64') : (JSON.stringify(value) ?? '');
