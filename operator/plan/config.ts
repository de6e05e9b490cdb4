/**
 * The whole configuration of one pooler: files, revision, and what a proof must find. Pure and deterministic: the same
 * spec, version, secrets and number of holders give the same bytes.
 */
import type { Fault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import type { Warning } from '../api/warning.ts';
import { printHba } from '../pgbouncer/hba.ts';
import { printIdent } from '../pgbouncer/ident.ts';
import { type IniFile, printIni } from '../pgbouncer/ini.ts';
import { printUserlist } from '../pgbouncer/userlist.ts';
import type { Version } from '../pgbouncer/version.ts';
import { planAccessRules } from './access-rules.ts';
import { type Budget, type BudgetRow, planBudget } from './budget.ts';
import type { Judgement } from './certificate.ts';
import { sizeFaults } from './config-size.ts';
import { connectionPasswordFaults, connectionSecretFaults } from './connection-faults.ts';
import { type OperatorPasswords, planUserlist } from './credentials.ts';
import type { EffectiveEntry } from './database-section.ts';
import { readAccessLines } from './hba-lines.ts';
import { hostListFaults } from './host-list-faults.ts';
import { atLookupField, fromLookupField, withLookupDatabases } from './lookup-databases.ts';
import type { EffectiveSetting } from './main-section.ts';
import { metadataFaults } from './metadata-faults.ts';
import { planIni, restartOnlyOf } from './plan-ini.ts';
import {
  type ConfigFiles,
  DRAFT,
  type FilesByKind,
  filesOf,
  proofEntryOf,
  proofPasswordOf,
  revisionOf,
} from './revision-files.ts';
import type { SecretLookup } from './secret-references.ts';
import { NO_TLS, planTls, type TlsView } from './tls.ts';

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
  /** By what they verify it, PEM; nothing that the files hold. */
  readonly authority?: string;
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
export type Rendered = Pick<Config, 'revision' | 'ini' | 'settings' | 'authority'>;

export function planConfig(input: ConfigInput): PlannedConfig {
  const { version, revisionKey } = input;
  const spec = withLookupDatabases(input.spec, input.holders);
  const budget: Budget = planBudget(spec, input.holders);
  const userlist = planUserlist(input.spec, version, input.passwords, input.lookup);
  const { view: tls, files: tlsFiles } = planTls({ ...input, judgement: input.judgement ?? {} });
  const iniOf = (revision: string) =>
    planIni({ ...input, spec, tls }, budget, revision, {
      ...userlist.known,
      serverPasswords: userlist.serverPasswords,
    });
  const draft = iniOf(DRAFT);
  const restartOnly = restartOnlyOf(draft.settings, version);
  const { pending } = draft;
  const faults = {
    spec: [
      ...atLookupField(input.spec, draft.faults),
      ...hostListFaults(input.spec, version),
      ...connectionSecretFaults(input.spec, input.name),
      ...metadataFaults('spec.service', { annotations: input.spec.service?.annotations }),
    ],
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
      ...authorityOf(tls),
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

/**
 * A configuration whose revision is known from before, without the Secrets it was made of: no console shows passwords, and
 * of certificates `tls` knows what the ini and a proof need.
 */
export function planKnownConfig(
  input: Omit<ConfigInput, 'name' | 'passwords' | 'lookup'>,
  revision: string,
  tls: TlsView = NO_TLS,
): { readonly planned: PlannedConfig; readonly provable: Provable; readonly rendered: Rendered } {
  const spec = withLookupDatabases(input.spec, input.holders);
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
    rendered: { revision, ini, settings, ...authorityOf(tls) },
  };
}

const authorityOf = ({ authority }: TlsView): Pick<Config, 'authority'> =>
  authority !== undefined && 'text' in authority ? { authority: authority.text } : {};
