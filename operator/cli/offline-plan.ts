/** Plans a pooler as the operator would, by the same pure rooms, with what a cluster would generate made up. */
import type { Fault } from '../api/fault.ts';
import type { ConnectionPooler } from '../api/types.ts';
import { validatePooler } from '../api/validate.ts';
import type { Warning } from '../api/warning.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import { holdersOf } from '../plan/budget.ts';
import { planConfig } from '../plan/config.ts';
import { chooseImage, type DeploymentObject } from '../plan/image.ts';
import { planPodTemplate } from '../plan/pod-template.ts';
import type { PlannedPooler } from '../plan/pooler-change.ts';
import { type SecretLookup, secretReferences } from '../plan/secret-references.ts';
import { checkTemplate, type TemplateMode } from '../plan/template-merge.ts';
import { adviceOn } from '../rules/advice.ts';
import { certificateWarnings } from '../rules/certificate-warnings.ts';
import type { SecretDocument } from './documents.ts';
import { type KnownSecrets, standInsFor } from './stand-ins.ts';

export const GENERATED = '<generated>';

export interface OfflineOptions {
  readonly namespace: string;
  readonly defaultImage: string;
  readonly templateMode: TemplateMode;
  readonly secrets: readonly SecretDocument[];
  readonly showSecrets: boolean;
  /** By which certificates are judged, in milliseconds since 1970; without it their times are not. */
  readonly now?: number;
  /** What runs already decides the image that is unset; absent offline. */
  readonly deployment?: DeploymentObject | undefined;
  /** See validatePooler; default `refuse`. */
  readonly unknownFields?: 'refuse' | 'ignore';
}

export interface OfflinePlan extends PlannedPooler {
  /** What can be run and is probably not meant. */
  readonly warnings: readonly Warning[];
}

export type Planned =
  | { readonly ok: true; readonly plan: OfflinePlan }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export function planOffline(input: unknown, options: OfflineOptions): Planned {
  const validated = validatePooler(input, options.unknownFields ?? 'refuse');
  if (!validated.ok) return validated;
  const metadata = {
    ...validated.pooler.metadata,
    namespace: validated.pooler.metadata.namespace ?? options.namespace,
  };
  const pooler = { ...validated.pooler, metadata };
  const image = chooseImage(pooler.spec, options.deployment, options.defaultImage);
  const early = [...checkTemplate(pooler.spec.template, options.templateMode), ...(image.ok ? [] : [image.fault])];
  if (!image.ok) return { ok: false, faults: early };

  const secrets = options.secrets.filter(
    ({ namespace }) => namespace === undefined || namespace === metadata.namespace,
  );
  const plan = (lookup: SecretLookup) =>
    planConfig({
      spec: pooler.spec,
      name: metadata.name,
      namespace: metadata.namespace,
      version: image.version,
      holders: holdersOf(pooler.spec.replicas, 0),
      passwords: { admin: GENERATED, stats: GENERATED },
      consoleCertificates: [`${GENERATED}\n`],
      revisionKey: GENERATED,
      lookup,
      ...(options.now === undefined ? {} : { judgement: { now: options.now } }),
    });
  // Checked with the real values; printed with masked ones, so that not even the revision speaks of a password.
  const lookups = standInsFor(pooler.spec, metadata.name, valueIn(secrets));
  const real = plan(lookups.known);
  const faults = [
    ...early,
    ...real.faults.spec,
    ...real.faults.budget,
    ...real.faults.credentials,
    ...real.tls.faults.certificates,
    ...unusableKeys(pooler, secrets),
  ];
  if (faults.length > 0) return { ok: false, faults };
  const shown = options.showSecrets ? real : plan(lookups.masked);
  if (shown.config === undefined) throw new Error('a plan without faults has no configuration with masked secrets');
  return {
    ok: true,
    plan: {
      pooler,
      version: image.version,
      image: image.image,
      config: shown.config,
      warnings: [
        ...adviceOn(pooler.spec, image.version, shown.config.ini),
        ...(real.credentialWarnings ?? []),
        ...certificateWarnings(real.tls, options.now),
      ],
      template: planPodTemplate({
        name: metadata.name,
        spec: pooler.spec,
        image: image.image,
        version: formatVersion(image.version),
        restartOnly: shown.restartOnly,
        credentials: GENERATED,
      }),
    },
  };
}

const valueIn =
  (secrets: readonly SecretDocument[]): KnownSecrets =>
  (ref) => {
    const values = secrets.find(({ name }) => name === ref.name)?.values ?? {};
    return Object.hasOwn(values, ref.key) ? values[ref.key] : undefined;
  };

/** A Secret of the same file that lacks the key, or has no text there, is a mistake; one elsewhere may be in the cluster. */
function unusableKeys(pooler: ConnectionPooler, secrets: readonly SecretDocument[]): readonly Fault[] {
  return secretReferences(pooler.spec, pooler.metadata.name).flatMap(({ ref, path, optional }) => {
    const secret = secrets.find(({ name }) => name === ref.name);
    if (secret?.notText?.includes(ref.key) === true) {
      const value = `${ref.name}/${ref.key}`;
      return [{ path, value, problem: 'is not UTF-8 text', remedy: 'put text there' }];
    }
    return secret === undefined || optional || Object.hasOwn(secret.values, ref.key)
      ? []
      : [
          {
            path,
            value: `${ref.name}/${ref.key}`,
            problem: `does not exist: the Secret in this file has the keys ${Object.keys(secret.values).join(', ') || '(none)'}`,
            remedy: 'add it, or correct the reference',
          },
        ];
  });
}
