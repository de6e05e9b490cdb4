/**
 * Decides which image runs and which PgBouncer is in it. An image that is unset stays what the Deployment runs, so that
 * a new default of the operator restarts nothing.
 */

import type { Fault } from '../api/fault.ts';
import { ANNOTATION_VERSION } from '../api/names.ts';
import type { PoolerSpec } from '../api/types.ts';
import {
  compareVersions,
  formatVersion,
  isSupported,
  NEWEST_SUPPORTED,
  OLDEST_SUPPORTED,
  parseVersion,
  type Version,
  versionFromImage,
} from '../pgbouncer/version.ts';
import { CONTAINER } from './pod-template.ts';

/** The parts of a Deployment that tell what it runs. */
export interface DeploymentObject {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: Readonly<Record<string, unknown>>;
}

export type ImageChoice =
  | { readonly ok: true; readonly image: string; readonly version: Version }
  | { readonly ok: false; readonly fault: Fault };

export function chooseImage(
  spec: PoolerSpec,
  deployment: DeploymentObject | undefined,
  defaultImage: string,
): ImageChoice {
  const running = runningImage(deployment);
  const image = spec.image ?? running?.image ?? defaultImage;
  const stated = spec.version ?? (spec.image === undefined && running !== undefined ? running.version : undefined);
  const version = stated === undefined ? versionFromImage(image) : parseVersion(stated);
  if (version === undefined) {
    return {
      ok: false,
      fault: {
        path: 'spec.image',
        value: image,
        problem: 'has no tag that begins with a PgBouncer version',
        remedy: 'set spec.version: "1.26.1"',
      },
    };
  }
  if (!isSupported(version)) {
    return {
      ok: false,
      fault: {
        path: spec.version === undefined ? 'spec.image' : 'spec.version',
        value: spec.version ?? image,
        problem: `is PgBouncer ${formatVersion(version)}, which this operator does not know`,
        remedy: `use ${OLDEST_SUPPORTED} to ${NEWEST_SUPPORTED}`,
      },
    };
  }
  return { ok: true, image, version };
}

/** The image of the Deployment, as it is judged. */
export interface DeployedImage {
  readonly image: string;
  readonly version: Version;
  /** The operator's default, when the specification leaves the image open and that one holds a newer PgBouncer. */
  readonly newerDefault: string | undefined;
}

/** @returns undefined while there is no Deployment, or nothing tells which PgBouncer is in its image */
export function deployedImage(
  spec: Pick<PoolerSpec, 'image'>,
  deployment: DeploymentObject | undefined,
  defaultImage: string,
): DeployedImage | undefined {
  const running = runningImage(deployment);
  const version = running && (parseVersion(running.version ?? '') ?? versionFromImage(running.image));
  if (running === undefined || version === undefined) return undefined;
  const newest = spec.image === undefined ? versionFromImage(defaultImage) : undefined;
  const isNewer = newest !== undefined && compareVersions(newest, version) > 0;
  return { image: running.image, version, newerDefault: isNewer ? defaultImage : undefined };
}

function runningImage(
  deployment: DeploymentObject | undefined,
): { readonly image: string; readonly version: string | undefined } | undefined {
  const template = deployment?.spec?.['template'];
  if (!isRecord(template) || !isRecord(template['spec']) || !Array.isArray(template['spec']['containers']))
    return undefined;
  const container: unknown = template['spec']['containers'].find(
    (item: unknown) => isRecord(item) && item['name'] === CONTAINER,
  );
  if (!isRecord(container) || typeof container['image'] !== 'string') return undefined;
  return { image: container['image'], version: deployment?.metadata.annotations?.[ANNOTATION_VERSION] };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
