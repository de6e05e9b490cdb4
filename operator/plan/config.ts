/**
 * The whole configuration of one pooler: files, revision, and what a proof must find. Pure and deterministic: the same
 * spec, version, secrets and number of holders give the same bytes.
 */
import { createHmac } from 'node:crypto';
import type { Fault } from '../api/fault.ts';
import { PROOF_USER } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import type { Warning } from '../api/warning.ts';
import { printHba } from '../pgbouncer/hba.ts';
import { printIdent } from '../pgbouncer/ident.ts';
import { type IniFile, printIni } from '../pgbouncer/ini.ts';
import { derivedSalt, scramVerifier } from '../pgbouncer/scram-verifier.ts';
import { findSetting, isRestartOnly } from '../pgbouncer/settings.ts';
import { byteLength } from '../pgbouncer/text.ts';
import { printUserlist, quotedBytes, type UserlistEntry } from '../pgbouncer/userlist.ts';
import type { Version } from '../pgbouncer/version.ts';
import { planAccessRules } from './access-rules.ts';
import { authFaults } from './auth-faults.ts';
import { type Budget, type BudgetRow, planBudget } from './budget.ts';
import type { Judgement } from './certificate.ts';
import { connectionPasswordFaults, connectionSecretFaults } from './connection-faults.ts';
import { type OperatorPasswords, planUserlist } from './credentials.ts';
import { type EffectiveEntry, planDatabases, planUsers } from './database-section.ts';
import { readAccessLines } from './hba-lines.ts';
import { atLookupField, fromLookupField, withLookupDatabase } from './lookup.ts';
import { CONFIG_DIRECTORY, type EffectiveSetting, planMainSection } from './main-section.ts';
import { pendingSettings } from './restart.ts';
import type { SecretLookup } from './secret-references.ts';
import { isTlsFile, NO_TLS, planTls, type TlsFiles, type TlsView, tlsFilesNamedIn } from './tls.ts';

export interface ConfigInput {
  readonly spec: PoolerSpec;
  /** Of the pooler. */
  readonly name: string;
  readonly namespace: string;
  readonly version: Version;
  /** Pods that can hold server connections at once, see holdersOf. */
  readonly holders: number;
  readonly passwords: OperatorPasswords;
  /** Key of the revision's HMAC, so that a revision is no oracle for passwords. */
  readonly revisionKey: string;
  readonly lookup: SecretLookup;
  /** Values of settings that only a restart changes, as the pods have them: kept until the pods are replaced. */
  readonly pinned?: Readonly<Record<string, string>>;
  /** What the operator shows to consoles that demand a certificate, newest first; PEM. */
  readonly consoleCertificates?: readonly string[];
  /** By what the times of certificates are judged; without it they are not. */
  readonly judgement?: Judgement;
}

/** The files of one revision, as they stand in the configuration Secret: name → text. */
export type ConfigFiles = Readonly<Record<string, string>>;

export interface Config {
  readonly revision: string;
  readonly ini: IniFile;
  readonly files: ConfigFiles;
  readonly proofPassword: string;
  /** What stands in the userlist for it. */
  readonly proofVerifier: string;
  readonly settings: readonly EffectiveSetting[];
  /** The entries of [databases] and [users], each value with its source. */
  readonly entries: { readonly databases: readonly EffectiveEntry[]; readonly users: readonly EffectiveEntry[] };
  readonly restartOnly: Readonly<Record<string, string>>;
  /** What clients meet; absent when they are to find no TLS. */
  readonly served?: NonNullable<TlsView['served']>;
}

export interface PlannedConfig {
  /** Absent when anything is wrong: what runs keeps running. */
  readonly config?: Config;
  readonly faults: {
    readonly spec: readonly Fault[];
    readonly budget: readonly Fault[];
    readonly credentials: readonly Fault[];
  };
  readonly budget: readonly BudgetRow[];
  /** What stored passwords cannot do; absent while the Secrets were not read. */
  readonly credentialWarnings?: readonly Warning[];
  /** Needed to choose a pod template also when credentials are missing. */
  readonly restartOnly: Readonly<Record<string, string>>;
  /** Settings that wait for a restart. */
  readonly pending: readonly string[];
  readonly tls: TlsView;
}

/** What a proof needs to know of a revision; no Secret of the user is needed for it. */
export type Provable = Pick<Config, 'revision' | 'ini' | 'proofPassword' | 'served'>;

/** What of a configuration can be known without the Secrets it is made of. */
export type Rendered = Pick<Config, 'revision' | 'ini' | 'settings'>;

export const proofPasswordOf = (revisionKey: string, revision: string): string =>
  createHmac('sha256', revisionKey).update(`proof\n${revision}`).digest('base64url');

export function planConfig(input: ConfigInput): PlannedConfig {
  const { version, revisionKey } = input;
  const spec = withLookupDatabase(input.spec, input.holders);
  const budget: Budget = planBudget(spec, input.holders);
  const userlist = planUserlist(input.spec, version, input.passwords, input.lookup);
  const { view: tls, files: tlsFiles } = planTls({ ...input, judgement: input.judgement ?? {} });
  const iniOf = (revision: string) => planIni({ ...input, spec, tls }, budget, revision, userlist.known.lookupUser);
  const draft = iniOf(DRAFT);
  const restartOnly = restartOnlyOf(draft.settings, version);
  const { pending } = draft;
  const faults = {
    spec: [...atLookupField(input.spec, draft.faults), ...connectionSecretFaults(input.spec, input.name)],
    budget: budget.faults,
    credentials: [...userlist.faults, ...connectionPasswordFaults(input.spec, userlist.entries)],
  };
  const found = { faults, budget: budget.rows, restartOnly, pending, credentialWarnings: userlist.warnings, tls };
  if (faults.spec.length + faults.budget.length + faults.credentials.length + tls.faults.certificates.length > 0)
    return found;
  const beside: FilesByKind = {
    hba: printHba(planAccessRules(input.spec, version, userlist.known)),
    ...(input.spec.auth?.ident && { ident: printIdent(readAccessLines(input.spec, version).ident) }),
  };
  const tooLarge = sizeFaults(spec, userlist.entries, draft.ini, version, beside, tlsFiles);
  if (tooLarge.length > 0) return { ...found, faults: { ...faults, credentials: tooLarge } };

  const revision = revisionOf(revisionKey, {
    ini: printIni(draft.ini, version),
    userlist: printUserlist(userlist.entries),
    ...beside,
  });
  const { ini, settings, entries } = iniOf(revision);
  const proof = proofEntryOf(revisionKey, revision);
  return {
    ...found,
    config: {
      revision,
      ini,
      proofPassword: proofPasswordOf(revisionKey, revision),
      proofVerifier: proof.password,
      settings,
      entries: { ...entries, databases: fromLookupField(input.spec, entries.databases) },
      restartOnly,
      ...(tls.served && { served: tls.served }),
      files: {
        ...filesOf(revision, {
          ini: printIni(ini, version),
          userlist: printUserlist([...userlist.entries, proof]),
          ...beside,
        }),
        // The revision is made of the ini, which names them by what is in them.
        ...tlsFiles,
      },
    },
  };
}

/** What a Secret holds, of which the pointer and the names of the files need a little. */
export const SECRET_BYTES = 1024 * 1024;
const REVISION_BYTES = SECRET_BYTES / 2 - 512;

/** The proved revision stays beside the one on trial, so that neither may need more than half of a Secret. */
function sizeFaults(
  spec: PoolerSpec,
  users: readonly UserlistEntry[],
  ini: IniFile,
  version: Version,
  beside: FilesByKind,
  certificates: TlsFiles,
): readonly Fault[] {
  // Quotes are doubled in the file; printing it only to measure it would cost as much as it weighs.
  const ofUsers = users.reduce((total, { name, password }) => total + byteLength(name) + quotedBytes(password) + 6, 0);
  const bytesOf = (texts: readonly string[]): number => texts.reduce((total, text) => total + byteLength(text), 0);
  const rest = bytesOf([printIni(ini, version), ...Object.values(beside)]);
  const ofCertificates = bytesOf(Object.values(certificates));
  const total = ofUsers + rest + ofCertificates;
  if (total <= REVISION_BYTES) return [];
  if (ofCertificates > ofUsers + rest) {
    return [
      {
        path: 'spec.tls',
        problem: `makes a configuration of ${total} bytes (${ofCertificates} for certificates), and a Secret of ${SECRET_BYTES} bytes must hold two of them, ${REVISION_BYTES} each`,
        remedy: 'put the authorities of your servers and clients into the bundles, and no others',
      },
    ];
  }
  return [
    {
      // The larger part; users may also be those that databases log in as.
      path: ofUsers >= rest && spec.users !== undefined ? 'spec.users' : 'spec.databases',
      problem: `make a configuration of ${total} bytes (${ofUsers} for ${users.length} users, ${rest} for settings and databases), and a Secret of ${SECRET_BYTES} bytes must hold two of them, ${REVISION_BYTES} each`,
      remedy: 'use fewer users or databases, or shorter passwords, or split the pooler',
    },
  ];
}

/**
 * A configuration whose revision is known from before, without the Secrets it was made of: passwords stand in the
 * userlist alone, and of certificates `tls` knows what the ini and a proof need.
 */
export function planKnownConfig(
  input: Omit<ConfigInput, 'name' | 'passwords' | 'lookup'>,
  revision: string,
  tls: TlsView = NO_TLS,
): { readonly planned: PlannedConfig; readonly provable: Provable; readonly rendered: Rendered } {
  const spec = withLookupDatabase(input.spec, input.holders);
  const budget = planBudget(spec, input.holders);
  const { ini, settings, faults, pending } = planIni({ ...input, spec, tls }, budget, revision);
  return {
    planned: {
      faults: { spec: atLookupField(input.spec, faults), budget: budget.faults, credentials: [] },
      pending,
      budget: budget.rows,
      restartOnly: restartOnlyOf(settings, input.version),
      tls,
    },
    provable: {
      revision,
      ini,
      proofPassword: proofPasswordOf(input.revisionKey, revision),
      ...(tls.served && { served: tls.served }),
    },
    rendered: { revision, ini, settings },
  };
}

/**
 * Whether files are what the operator wrote under this revision: a revision is made of its own files, so that this can
 * be told without the Secrets that they were made of.
 */
export function isAuthentic(files: ConfigFiles, revision: string, revisionKey: string): boolean {
  const { ini, userlist, ...beside } = byKind(files, revision);
  const proof = printUserlist([proofEntryOf(revisionKey, revision)]);
  if (ini === undefined || !userlist?.endsWith(proof)) return false;
  if (!tlsFilesNamedIn(ini).every((name) => isTlsFile(name, files[name] ?? '', revisionKey))) return false;
  const draft = { ini: ini.replaceAll(revision, DRAFT), userlist: userlist.slice(0, -proof.length), ...beside };
  return revisionOf(revisionKey, draft) === revision;
}

/** Whether a configuration Secret's files are what the operator wrote when `proved.ini` was to name this revision. */
export const isIntact = (files: ConfigFiles, pointer: string, revisionKey: string): boolean =>
  files[PROVED_FILE] === includeOf(pointer) && isAuthentic(files, pointer, revisionKey);

/** Stands where the revision will, while the revision is made of the text around it. */
const DRAFT = 'revision';

/** The files of one revision by the ending of their names: `ini`, `userlist`, `hba`, and whatever the ini names beside these. */
type FilesByKind = Readonly<Record<string, string>>;

const filesOf = (revision: string, byKind: FilesByKind): ConfigFiles =>
  Object.fromEntries(Object.entries(byKind).map(([kind, text]) => [`${revision}.${kind}`, text]));

/** Of everything in a configuration Secret, what one revision reads. */
export function filesOfRevision(files: ConfigFiles, revision: string): ConfigFiles {
  const named = new Set(tlsFilesNamedIn(files[`${revision}.ini`] ?? ''));
  return Object.fromEntries(
    Object.entries(files).filter(([name]) => name.startsWith(`${revision}.`) || named.has(name)),
  );
}

const byKind = (files: ConfigFiles, revision: string): FilesByKind =>
  Object.fromEntries(
    Object.entries(files).flatMap(([name, text]) =>
      name.startsWith(`${revision}.`) ? [[name.slice(revision.length + 1), text]] : [],
    ),
  );

const revisionOf = (key: string, files: FilesByKind): string => {
  const parts = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHmac('sha256', key).update(parts.flat().join('\0')).digest('hex').slice(0, 8);
};

/** The last line of the userlist. 256 random bits that only the operator logs in with: one iteration is enough. */
const proofEntryOf = (revisionKey: string, revision: string): UserlistEntry => ({
  name: PROOF_USER,
  password: scramVerifier(proofPasswordOf(revisionKey, revision), derivedSalt(revisionKey, revision), 1),
});

/** The one line of `proved.ini`, and of a pod's entry file while it is handed a revision. */
export const includeOf = (revision: string): string => `%include ${CONFIG_DIRECTORY}/${revision}.ini`;
/** The revision that such a line names. */
export const pointerIn = (line: string): string | undefined => /\/([0-9a-f]+)\.ini$/.exec(line)?.[1];
export const PROVED_FILE = 'proved.ini';
/** The entry file's line at rest. */
export const ENTRY_AT_REST = `%include ${CONFIG_DIRECTORY}/${PROVED_FILE}`;

function planIni(
  input: Pick<ConfigInput, 'spec' | 'version' | 'namespace' | 'pinned'> & { readonly tls: TlsView },
  budget: Budget,
  revision: string,
  lookupUser?: string,
) {
  const { spec, version, pinned, tls } = input;
  const main = planMainSection(spec, version, revision, { tls: tls.settings, lookupUser });
  const wanted = restartOnlyOf(main.settings, version);
  const settings = pinned === undefined ? main.settings : pin(main.settings, wanted, pinned);
  const databases = planDatabases(spec, version, budget, input.namespace);
  const users = planUsers(spec, version);
  const ini: IniFile = {
    databases: databases.entries,
    users: users.entries,
    pgbouncer: [
      ...settings.map(({ key, value }) => [key, value] as const),
      // SHOW CONFIG returns it only if the file was parsed to its end, so nothing may follow.
      ['syslog_ident', revision] as const,
    ],
  };
  return {
    ini,
    settings,
    pending: pinned === undefined ? [] : pendingSettings(wanted, pinned),
    entries: { databases: databases.effective, users: users.effective },
    faults: [...authFaults(spec, version), ...main.faults, ...tls.faults.spec, ...databases.faults, ...users.faults],
  };
}

/** Settings with those that only a restart changes as they are pinned. */
function pin(
  settings: readonly EffectiveSetting[],
  wanted: Readonly<Record<string, string>>,
  pinned: Readonly<Record<string, string>>,
): readonly EffectiveSetting[] {
  const source = 'the pods, until they are replaced';
  const kept = settings
    .filter(({ key }) => !(key in wanted) || key in pinned)
    .map((setting) => {
      const value = setting.key in wanted ? pinned[setting.key] : undefined;
      return value === undefined || value === setting.value ? setting : { ...setting, value, source };
    });
  const added = Object.entries(pinned).filter(([key]) => !(key in wanted));
  return [...kept, ...added.map(([key, value]) => ({ key, value, source }))];
}

function restartOnlyOf(settings: readonly EffectiveSetting[], version: Version): Readonly<Record<string, string>> {
  return Object.fromEntries(
    settings.flatMap(({ key, value }) => {
      const setting = findSetting('pgbouncer', key);
      return setting !== undefined && isRestartOnly(setting, version) ? [[key, value]] : [];
    }),
  );
}
