/**
 * A fleet of real pgbouncers on loopback whose files lie on this machine's disk, as they would lie in a configuration
 * Secret and in pods' annotations: the change protocol runs on it as it is, and can be killed anywhere.
 */
import { chmod, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PoolerSpec } from '../../api/types.ts';
import { openSession } from '../../console/session.ts';
import { type RealPgbouncer, type RealVersion, startPgbouncer } from '../../console/testing/real-pgbouncer.ts';
import { parseVersion, type Version } from '../../pgbouncer/version.ts';
import { type Config, planConfig } from '../../plan/config.ts';
import { CONFIG_DIRECTORY, RUN_DIRECTORY } from '../../plan/main-section.ts';
import type { PodView } from '../../plan/pods.ts';
import { applyChange, type ChangeInput, type ChangeResult } from '../change.ts';
import type { ChangeSteps } from '../change-acts.ts';
import { createConsoleCertificate, type KeyPair } from '../console-certificate.ts';
import { explainChange, explainReload } from '../pod-log.ts';

export interface LocalFleet {
  readonly pods: readonly PodView[];
  readonly processes: readonly RealPgbouncer[];
  /** A configuration whose max_client_conn is `clients`, rendered for `as` (default: what the processes are). */
  configOf(
    clients: number,
    parameters?: Readonly<Record<string, string | number>>,
    as?: string,
    encryption?: Encryption,
    spec?: Spec,
  ): Config;
  /** What the sessions show to who demands a certificate, newest first. */
  certificates: KeyPair[];
  /** What `proved.ini` names. */
  pointer(): Promise<string>;
  /** SHOW CONFIG of each pod. */
  settings(key: string): Promise<readonly (string | null | undefined)[]>;
  steps(): ChangeSteps;
  /** A change of all pods from where the pointer is, by fresh steps; unless `more` says otherwise. */
  change(config: Config, more?: Partial<ChangeInput> & { readonly steps?: ChangeSteps }): Promise<ChangeResult>;
  stop(): Promise<void>;
}

/** A `spec.tls`, and what its Secrets hold: `name/key` → text. */
export interface Encryption {
  readonly tls: NonNullable<PoolerSpec['tls']>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Of the server, on loopback; default: one where nobody listens. */
  readonly port?: number;
}

const PASSWORD = 'local-admin-password';
/** Of every user that says nothing else. */
export const APP_PASSWORD = 'secret';
export const REVISION_KEY = 'local-revision-key';

interface Spec extends Partial<Pick<PoolerSpec, 'backends' | 'databases' | 'users'>> {
  /** Of every user. */
  readonly password?: string;
}

/** @param base what differs from the smallest specification */
export async function startLocalFleet(
  version: RealVersion,
  size: number,
  clients: number,
  base: Spec = {},
): Promise<LocalFleet> {
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-fleet-'));
  await chmod(directory, 0o755);
  const configOf: LocalFleet['configOf'] = (count, parameters = {}, as = version, encryption = undefined, spec = {}) =>
    relocate(plan(count, parameters, versionOf(as), encryption, certificates, { ...base, ...spec }), directory);
  const put = async (name: string, text: string): Promise<void> => {
    // A new inode each time, as the kubelet's swap gives: PgBouncer looks at nothing else.
    await writeFile(join(directory, `${name}.new`), text, { mode: 0o644 });
    await rename(join(directory, `${name}.new`), join(directory, name));
  };
  const writeFiles = async (config: Config): Promise<void> => {
    for (const [name, text] of Object.entries(config.files)) await put(name, text);
  };
  const certificates = [consoleCertificate()];
  const first = configOf(clients);
  await writeFiles(first);
  await put('proved.ini', `%include ${directory}/${first.revision}.ini`);
  const entry = (target: string, own: { readonly directory: string; readonly port: number }): string =>
    `%include ${directory}/${target}.ini\nlisten_addr = 127.0.0.1\nlisten_port = ${own.port}\nunix_socket_dir = ${own.directory}\n`;
  const processes = await Promise.all(
    Array.from({ length: size }, () =>
      startPgbouncer(version, (place) => ({ 'pgbouncer.ini': entry('proved', place) })),
    ),
  );
  const pods = processes.map(
    (_, index): PodView => ({
      name: `pod-${index}`,
      uid: `uid-${index}`,
      address: '127.0.0.1',
      template: 't',
      entry: undefined,
      running: true,
      ready: true,
      terminating: false,
      ended: false,
      process: `process-${index}`,
      restarts: 0,
      waiting: undefined,
    }),
  );
  const processOf = (pod: PodView): RealPgbouncer => {
    const process = processes[pods.findIndex(({ name }) => name === pod.name)];
    if (process === undefined) throw new Error(`there is no ${pod.name}`);
    return process;
  };
  const open = (pod: PodView) =>
    openSession({
      host: '127.0.0.1',
      port: processOf(pod).port,
      user: 'poolkeeper',
      password: PASSWORD,
      certificates: certificates,
      connectTimeoutMs: 3_000,
      queryTimeoutMs: 2_000,
    });

  const fleet: LocalFleet = {
    pods,
    processes,
    configOf,
    certificates,
    pointer: async () => /\/([0-9a-f]+)\.ini/.exec(await readFile(join(directory, 'proved.ini'), 'utf8'))?.[1] ?? '',
    settings: (key) =>
      Promise.all(
        pods.map(async (pod) => {
          const session = await open(pod);
          const value = (await session.show('CONFIG')).find((row) => row['key'] === key)?.['value'];
          await session.close();
          return value;
        }),
      ),
    steps: () => {
      // As the API server gives what was logged since the change began.
      const before = processes.map((process) => process.log().length);
      const since = (pod: PodView): string =>
        processOf(pod)
          .log()
          .slice(before[pods.findIndex(({ name }) => name === pod.name)]);
      return {
        openSession: open,
        address: (pod) => ({ host: '127.0.0.1', port: processOf(pod).port, certificates: certificates }),
        standing: async () => {
          const names = (await readdir(directory)).filter((name) => !name.endsWith('.new'));
          return Object.fromEntries(
            await Promise.all(
              names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const),
            ),
          );
        },
        noteStates: async () => undefined,
        writeCandidate: writeFiles,
        handOut: (pod, revision) =>
          processOf(pod).write({ 'pgbouncer.ini': entry(revision === 'rest' ? 'proved' : revision, processOf(pod)) }),
        nudge: async () => undefined,
        movePointer: async (config, keepPrevious) => {
          await put('proved.ini', `%include ${directory}/${config.revision}.ini`);
          if (keepPrevious) return;
          for (const name of await readdir(directory))
            if (name !== 'proved.ini' && !Object.hasOwn(config.files, name)) await rm(join(directory, name));
        },
        explain: (pod) => Promise.resolve(explainChange(since(pod))),
        complaint: (pod) => Promise.resolve(explainReload(processOf(pod).log())),
        superseded: () => false,
        now: () => Date.now(),
      };
    },
    change: async (config, { steps = fleet.steps(), ...more } = {}) =>
      applyChange(steps, {
        config,
        version: versionOf(version),
        previous: await fleet.pointer(),
        pods,
        deaths: 0,
        ...more,
      }),
    stop: async () => {
      await Promise.all(processes.map((process) => process.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
  return fleet;
}

export const consoleCertificate = (): KeyPair =>
  createConsoleCertificate({
    commonName: 'poolkeeper',
    notBefore: Date.now() - 1_000,
    notAfter: Date.now() + 86_400_000,
  });

export const versionOf = (text: string): Version => {
  const version = parseVersion(text);
  if (version === undefined) throw new Error(`${text} is no version`);
  return version;
};

function plan(
  clients: number,
  parameters: Readonly<Record<string, string | number>>,
  version: Version,
  encryption: Encryption | undefined,
  certificates: readonly KeyPair[],
  { password = APP_PASSWORD, ...spec }: Spec,
): Config {
  const { config, faults, tls } = planConfig({
    spec: {
      replicas: 3,
      suspend: false,
      profile: 'balanced',
      maxClientConnections: clients,
      backends: [{ name: 'primary', host: '127.0.0.1', port: encryption?.port ?? 1 }],
      databases: [{ name: 'app' }],
      users: [{ name: 'app', passwordSecretRef: { name: 's', key: 'k' } }],
      parameters,
      ...spec,
      ...(encryption && { tls: encryption.tls }),
    },
    name: 'pooler',
    namespace: 'local',
    version,
    holders: 5,
    passwords: { admin: PASSWORD, stats: 'local-stats-password' },
    revisionKey: REVISION_KEY,
    lookup: (ref) => ({ found: true, value: encryption?.secrets[`${ref.name}/${ref.key}`] ?? password }),
    consoleCertificates: certificates.map(({ certificate }) => certificate),
  });
  if (config === undefined) throw new Error(JSON.stringify([faults, tls.faults]));
  return config;
}

/** The same configuration, with its files in another directory. */
function relocate(config: Config, directory: string): Config {
  const move = (text: string): string =>
    text.replaceAll(CONFIG_DIRECTORY, directory).replaceAll(RUN_DIRECTORY, directory);
  return {
    ...config,
    ini: { ...config.ini, pgbouncer: config.ini.pgbouncer.map(([key, value]) => [key, move(value)] as const) },
    files: Object.fromEntries(Object.entries(config.files).map(([name, text]) => [name, move(text)])),
  };
}
