/**
 * Resource versions are integers of any length, comparable within a kind (official since Kubernetes 1.35, true before).
 * They do not fit a JavaScript number for ever, so they are compared as texts.
 */

/** Negative when `a` is older than `b`, 0 when they are the same. */
export const compareVersions = (a: string, b: string): number =>
  a.length === b.length ? (a < b ? -1 : Number(a > b)) : a.length - b.length;

/** Whether resource version `a` is newer than `b`. Nothing is older than any. */
export const isNewer = (a: string | undefined, b: string | undefined): boolean => compareVersions(a ?? '', b ?? '') > 0;
