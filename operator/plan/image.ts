/**
 * Decides which image runs and which PgBouncer is in it. An image that is unset stays what the Deployment runs, so that
 * a new default of the operator restarts nothing. An image that no pod was proved with (a tag with a typo) does not count
 * as running: who takes it out of the specification gets the one before it back.
 */

import type { Fault } from '../api/fault.ts';
import { ANNOTATION_IMAGE_BEFORE, ANNOTATION_VERSION } from '../api/names.ts';
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
  const running = imageBefore(deployment) ?? runningImage(deployment);
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

/** The image of the Deployment, or the one that it is about to get, as it is judged. */
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
  return running === undefined || version === undefined
    ? undefined
    : judgeImage(spec, { image: running.image, version }, defaultImage);
}

/** The same of an image that is about to be deployed. */
export function judgeImage(
  spec: Pick<PoolerSpec, 'image'>,
  { image, version }: Pick<DeployedImage, 'image' | 'version'>,
  defaultImage: string,
): DeployedImage {
  const newest = spec.image === undefined ? versionFromImage(defaultImage) : undefined;
  const isNewer = newest !== undefined && compareVersions(newest, version) > 0;
  return { image, version, newerDefault: isNewer && image !== defaultImage ? defaultImage : undefined };
}

/**
 * What a Deployment remembers while its image is on trial.
 * @param next the container image that it gets
 * @param isProved whether a pod with the image that it has, or that it gets, was proved
 */
export function rememberImage(
  deployment: DeploymentObject | undefined,
  next: string | undefined,
  isProved: { readonly live: boolean; readonly next: boolean },
): string | undefined {
  const running = runningImage(deployment);
  const before = imageBefore(deployment);
  if (isProved.next || before?.image === next) return undefined;
  if (before !== undefined) return textOf(before);
  return running?.version !== undefined && running.image !== next && isProved.live ? textOf(running) : undefined;
}

interface RunningImage {
  readonly image: string;
  readonly version: string | undefined;
}

const textOf = ({ version, image }: RunningImage): string => `${version} ${image}`;

function imageBefore(deployment: DeploymentObject | undefined): RunningImage | undefined {
  const [version, image] = deployment?.metadata.annotations?.[ANNOTATION_IMAGE_BEFORE]?.split(' ') ?? [];
  return version === undefined || image === undefined ? undefined : { image, version };
}

function runningImage(deployment: DeploymentObject | undefined): RunningImage | undefined {
  const image = imageIn(deployment?.spec?.['template']);
  return image === undefined ? undefined : { image, version: deployment?.metadata.annotations?.[ANNOTATION_VERSION] };
}

/** The image of PgBouncer's container in a pod template. */
export function imageIn(template: unknown): string | undefined {
  if (!isRecord(template) || !isRecord(template['spec']) || !Array.isArray(template['spec']['containers']))
    return undefined;
  const container: unknown = template['spec']['containers'].find(
    (item: unknown) => isRecord(item) && item['name'] === CONTAINER,
  );
  return isRecord(container) && typeof container['image'] === 'string' ? container['image'] : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
