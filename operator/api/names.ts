/**
 * Every name Poolkeeper puts into a cluster: group, labels, annotations, field managers, child names. They are a
 * contract: running poolers carry them, so changing one is a migration.
 */
export const API_GROUP = 'poolkeeper.dev';
export const API_VERSION = 'v1alpha1';
export const API_GROUP_VERSION = `${API_GROUP}/${API_VERSION}`;
export const KIND = 'ConnectionPooler';
/** Where the API has them, in the shape of `Resource` in kube/resources.ts. */
export const POOLERS = {
  group: API_GROUP,
  version: API_VERSION,
  plural: 'connectionpoolers',
  kind: KIND,
  namespaced: true,
} as const;

/** Field managers of server-side apply: one for children, one for status, so that neither removes the other's fields. */
export const FIELD_MANAGER = 'poolkeeper';
export const STATUS_FIELD_MANAGER = 'poolkeeper-status';

export const LABEL_MANAGED_BY = 'app.kubernetes.io/managed-by';
export const LABEL_NAME = 'app.kubernetes.io/name';
export const LABEL_INSTANCE = 'app.kubernetes.io/instance';
export const MANAGED_BY = 'poolkeeper';
export const POD_NAME_LABEL = 'pgbouncer';
/** On pods and configuration Secrets: which template revision they belong to. */
export const LABEL_TEMPLATE = 'poolkeeper.dev/template-revision';
/** On Secrets: `config`, `admin` or `connection`. */
export const LABEL_ROLE = 'poolkeeper.dev/role';

/** On pods, handed to PgBouncer through the downward API: the one line of its entry file. */
export const ANNOTATION_ENTRY = 'poolkeeper.dev/entry';
/** On pods: changed when the kubelet must look at the pod again. */
export const ANNOTATION_NUDGE = 'poolkeeper.dev/nudge';
/** On configuration Secrets: the revision that `proved.ini` names. */
export const ANNOTATION_POINTER = 'poolkeeper.dev/revision';
/** On configuration and connection Secrets: a hash of everything they were made of, so that a restart need not make them again. */
export const ANNOTATION_INPUTS = 'poolkeeper.dev/inputs';
/** On configuration Secrets: the revision that at least one pod was proved on; absent before the first proof. */
export const ANNOTATION_PROVED = 'poolkeeper.dev/proved-revision';
/** On configuration Secrets: when the pointer last moved, RFC 3339. */
export const ANNOTATION_PROVED_TIME = 'poolkeeper.dev/proved-time';
/** On connection Secrets: an HMAC of what stands in them, so that a hand's edit is told without the Secrets they are made of. */
export const ANNOTATION_CONTENT = 'poolkeeper.dev/content';
/** On configuration Secrets: databases that the operator paused or disabled on the consoles, see pgbouncer/database-states.ts. */
export const ANNOTATION_STATES = 'poolkeeper.dev/database-states';
/** On configuration Secrets: what each process goes on with until it restarts, and no console shows, see plan/retained.ts. */
export const ANNOTATION_RETAINED = 'poolkeeper.dev/retained';
/** On children: the hash of what was last applied, so that a field no longer rendered is removed too. */
export const ANNOTATION_APPLIED = 'poolkeeper.dev/applied-hash';
/** On Deployments: the version of the pod template's builder; a newer builder waits for the next rolling change. */
export const ANNOTATION_BUILDER = 'poolkeeper.dev/template-builder';
/** On Deployments: the values of settings that only a restart changes, as the pods have them. */
export const ANNOTATION_RESTART_ONLY = 'poolkeeper.dev/restart-only';
/** On Deployments: what the pods were last replaced for, so that what a restart does not cure is not tried again. */
export const ANNOTATION_RESTARTED_FOR = 'poolkeeper.dev/restarted-for';
/** On pod templates: when the operator replaced the pods because only a restart helped. */
export const ANNOTATION_RESTARTED = 'poolkeeper.dev/restarted-at';
/** On poolers: a user's wish that the pods be replaced, by its change; on pod templates: the wish they were made for. */
export const ANNOTATION_RESTART_WISH = 'kubectl.kubernetes.io/restartedAt';
export const ANNOTATION_RESTART_WISHED = 'poolkeeper.dev/restart-wished-at';
/** On Deployments: the PgBouncer version their image holds. */
export const ANNOTATION_VERSION = 'poolkeeper.dev/pgbouncer-version';
/** On Deployments whose image was not proved yet: version and image that ran before it. */
export const ANNOTATION_IMAGE_BEFORE = 'poolkeeper.dev/image-before';

export const PORT = 6432;

/** PgBouncer users that belong to the operator; refused as names of users and serverUsers. */
export const ADMIN_USER = 'poolkeeper';
export const STATS_USER = 'poolkeeper_stats';
export const PROOF_USER = 'poolkeeper_proof';
export const RESERVED_USERS: readonly string[] = [ADMIN_USER, STATS_USER, PROOF_USER];

export const adminSecretName = (pooler: string): string => `${pooler}-admin`;
/** Where cert-manager puts the certificate that clients meet; also the name of its Certificate. */
export const issuedSecretName = (pooler: string): string => `${pooler}-issued-tls`;
export const configSecretName = (pooler: string, template: string): string => `${pooler}-config-${template}`;

/** Labels of every child, and of its pods. */
export const labelsOf = (pooler: string): Record<string, string> => ({
  [LABEL_NAME]: POD_NAME_LABEL,
  [LABEL_INSTANCE]: pooler,
  [LABEL_MANAGED_BY]: MANAGED_BY,
});

/** The immutable selector of the Deployment, the Service and the disruption budget. */
export const selectorOf = (pooler: string): Record<string, string> => ({
  [LABEL_INSTANCE]: pooler,
  [LABEL_NAME]: POD_NAME_LABEL,
});
