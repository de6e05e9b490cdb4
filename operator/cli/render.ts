/** `render`: every object that the operator would write, as YAML, without a cluster. */
import { dump } from 'js-yaml';
import { adminSecretName, LABEL_ROLE, labelsOf } from '../api/names.ts';
import { formatVersion } from '../pgbouncer/version.ts';
import { connectionSecret } from '../plan/connection-secrets.ts';
import { urlText } from '../plan/connection-template.ts';
import { issuedCertificate } from '../plan/issued-certificate.ts';
import {
  configSecret,
  deployment,
  disruptionBudget,
  type PlannedObject,
  service,
  serviceAccount,
} from '../plan/objects.ts';
import { GENERATED, type OfflinePlan } from './offline-plan.ts';

const HEADER = `# What Poolkeeper would write. Owner references, revisions and the names that carry them depend on the cluster.
`;

/** Objects in the order in which the operator creates them, separated by `---`. */
export function renderYaml(plan: OfflinePlan): string {
  return (
    HEADER +
    renderObjects(plan)
      .map((object) => dump(object, { lineWidth: -1, noRefs: true }))
      .join('---\n')
  );
}

export function renderObjects({ pooler, version, config, template }: OfflinePlan): readonly object[] {
  const admin = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: adminSecretName(pooler.metadata.name),
      namespace: pooler.metadata.namespace,
      labels: { ...labelsOf(pooler.metadata.name), [LABEL_ROLE]: 'admin' },
    },
    type: 'Opaque',
    stringData: {
      username: 'poolkeeper',
      password: GENERATED,
      'stats-username': 'poolkeeper_stats',
      'stats-password': GENERATED,
      'revision-key': GENERATED,
    },
  };
  const issued = issuedCertificate(pooler, 'cluster.local');
  return [
    admin,
    withoutOwner(serviceAccount(pooler)),
    ...(issued === undefined ? [] : [withoutOwner(issued)]),
    readable(
      withoutOwner(
        configSecret(pooler, { template: template.revision, pointer: config.revision, files: config.files }),
      ),
      config.proofVerifier,
    ),
    withoutOwner(
      deployment(pooler, {
        replicas: pooler.spec.replicas,
        paused: false,
        version: formatVersion(version),
        template: template.template,
      }),
    ),
    withoutOwner(service(pooler)),
    withoutOwner(disruptionBudget(pooler)),
    ...connectionSecrets(pooler, config),
  ];
}

/** Written when the configuration is proved, so they come last. */
const connectionSecrets = (pooler: OfflinePlan['pooler'], config: OfflinePlan['config']): readonly object[] =>
  (pooler.spec.connectionSecrets ?? []).flatMap((wanted) => {
    const planned = connectionSecret({ pooler, wanted, config, revisionKey: GENERATED });
    const ref = pooler.spec.users?.find(({ name }) => name === wanted.user)?.passwordSecretRef;
    const mask = `<${ref?.name}/${ref?.key}>`;
    // A mask is easier to see than what a URL makes of it.
    return planned === undefined ? [] : [readable(withoutOwner(planned), urlText(mask), mask)];
  });

function withoutOwner(object: PlannedObject): Record<string, unknown> {
  const { ownerReferences: _owner, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Files as text instead of base64: this output is for people. */
function readable(secret: Record<string, unknown>, generated: string, shown = GENERATED): Record<string, unknown> {
  const { data, ...rest } = secret;
  const files = Object.entries((data ?? {}) as Readonly<Record<string, string>>).map(([name, value]) => [
    name,
    Buffer.from(value, 'base64').toString().replaceAll(generated, shown),
  ]);
  return { ...rest, stringData: Object.fromEntries(files) };
}
