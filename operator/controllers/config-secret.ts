/**
 * The configuration Secret of one template: how it is written when no change of running pods is needed
 * for that: before anybody was proved on it, and when a hand has edited it.
 */
import { ANNOTATION_PROVED_TIME, configSecretName } from '../api/names.ts';
import { get } from '../kube/operations.ts';
import { SECRETS } from '../kube/resources.ts';
import { findDrift } from '../plan/drift.ts';
import { configSecret } from '../plan/objects.ts';
import { isIntact } from '../plan/revision-files.ts';
import { applyChild, type Written } from './children.ts';
import type { ConfigInput } from './config-input.ts';
import type { PoolerDependencies } from './dependencies.ts';
import { secretOf } from './known-config.ts';
import { filesIn, type SecretObject } from './secret-object.ts';

/**
 * With the desired revision and nothing else: nobody is to be asked.
 * @param proved what was proved before, if anything was
 * @returns undefined when a Secret changed so that it can no longer be rendered
 */
export async function writeOutright(
  deps: PoolerDependencies,
  { pooler, template, desired, memory, writer }: ConfigInput,
  proved: string | undefined,
): Promise<Written | undefined> {
  const config = await desired.load();
  if (config === undefined) return undefined;
  const planned = configSecret(pooler, {
    template,
    pointer: config.revision,
    inputs: desired.inputs,
    files: config.files,
    ...(proved === undefined ? {} : { proved: { revision: proved, time: new Date(deps.clock.now()).toISOString() } }),
  });
  const written = await applyChild(writer, pooler, SECRETS, planned, secretOf(deps.caches, pooler, template));
  memory.verifiedSecret = secretOf(deps.caches, pooler, template)?.metadata.resourceVersion;
  return written;
}

/** The Secret changed since it was last seen to be right: a hand may have edited it. */
export async function heal(deps: PoolerDependencies, input: ConfigInput, proved: string | undefined): Promise<void> {
  const { pooler, template, memory, revision, credentials, desired } = input;
  const name = configSecretName(pooler.metadata.name, template);
  const stored = await get<SecretObject>(deps.client, SECRETS, pooler.metadata.namespace ?? 'default', name);
  // Files of other revisions may stand beside; they go with the next change.
  const { labels } = configSecret(pooler, { template, pointer: revision, files: {} }).metadata;
  if (
    isIntact(filesIn(stored), revision, credentials.revisionKey) &&
    findDrift(labels, stored.metadata.labels) === undefined
  ) {
    memory.verifiedSecret = stored.metadata.resourceVersion;
    return;
  }
  const config = await desired.load();
  if (config === undefined || config.revision !== revision) return;
  const time = stored.metadata.annotations?.[ANNOTATION_PROVED_TIME] ?? new Date(deps.clock.now()).toISOString();
  const planned = configSecret(pooler, {
    template,
    pointer: revision,
    inputs: desired.inputs,
    files: config.files,
    ...(proved === undefined ? {} : { proved: { revision: proved, time } }),
  });
  await applyChild(input.writer, pooler, SECRETS, planned, stored);
  memory.verifiedSecret = secretOf(deps.caches, pooler, template)?.metadata.resourceVersion;
}
