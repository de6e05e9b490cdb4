/** The configuration Secret of one template, as far as the caches know it: what it is called, and what it says was proved. */
import { ANNOTATION_POINTER, configSecretName } from '../api/names.ts';
import type { ConnectionPooler } from '../api/types.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Caches } from './caches.ts';

export const secretOf = (caches: Caches, pooler: ConnectionPooler, template: string): KubeObject | undefined =>
  caches.secrets.get(`${pooler.metadata.namespace}/${configSecretName(pooler.metadata.name, template)}`);

/** The revision that `proved.ini` of a template names. */
export const pointerOf = (caches: Caches, pooler: ConnectionPooler, template: string): string | undefined =>
  secretOf(caches, pooler, template)?.metadata.annotations?.[ANNOTATION_POINTER];
