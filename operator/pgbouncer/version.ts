/**
 * Versions of PgBouncer. Which settings exist, and what a file may say, depends on them; a release without one of the
 * shape 1.2.3 does not exist.
 */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** The releases that the settings table covers: any patch of these and of every minor between them. */
export const OLDEST_SUPPORTED = '1.18';
export const NEWEST_SUPPORTED = '1.26';

/** @param text `1.26.1` or `1.26` (which is 1.26.0); undefined for everything else */
export function parseVersion(text: string): Version | undefined {
  const match = /^(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})(?:\.(0|[1-9]\d{0,3}))?$/.exec(text);
  return match === null
    ? undefined
    : { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3] ?? 0) };
}

export const formatVersion = ({ major, minor, patch }: Version): string => `${major}.${minor}.${patch}`;

/** Negative when `a` is older, 0 when they are the same, positive when `a` is newer. */
export const compareVersions = (a: Version, b: Version): number =>
  a.major - b.major || a.minor - b.minor || a.patch - b.patch;

/**
 * @param since a version as {@link parseVersion} reads it, written in the code
 * @throws TypeError when it is not one
 */
export function atLeast(version: Version, since: string): boolean {
  const parsed = parseVersion(since);
  if (parsed === undefined) throw new TypeError(`${JSON.stringify(since)} is not a version`);
  return compareVersions(version, parsed) >= 0;
}

/** Whether the settings table knows this version. */
export function isSupported(version: Version): boolean {
  const minor = { ...version, patch: 0 };
  return atLeast(minor, OLDEST_SUPPORTED) && !atLeast(minor, '1.27');
}

/**
 * The version that an image's tag begins with: `registry:5000/pgbouncer:1.26.1-debian@sha256:…` has 1.26.1. A tag with
 * two numbers moves from patch to patch, so it names no version.
 */
export function versionFromImage(image: string): Version | undefined {
  const [reference = ''] = image.split('@');
  const tag = /:([^:/]+)$/.exec(reference)?.[1] ?? '';
  const start = /^v?(\d+\.\d+\.\d+)(?![\d.])/.exec(tag)?.[1];
  return start === undefined ? undefined : parseVersion(start);
}
