/**
 * Tells whether a live object still is what was planned: every planned field is there with its value, and the hash of
 * what was last applied is the plan's (so that a field no longer planned is removed too). Fields others own are ignored.
 */
import { createHash } from 'node:crypto';
import { ANNOTATION_APPLIED } from '../api/names.ts';
import { canonicalJson, isComposite } from './canonical-json.ts';
import type { PlannedObject } from './objects.ts';

/** The planned object with the hash of itself in an annotation. */
export function withAppliedHash(planned: PlannedObject): PlannedObject {
  const hash = createHash('sha256').update(canonicalJson(planned)).digest('hex').slice(0, 16);
  return {
    ...planned,
    metadata: { ...planned.metadata, annotations: { ...planned.metadata.annotations, [ANNOTATION_APPLIED]: hash } },
  };
}

/** Maps that server-side apply replaces as a whole: one key too many is drift, too. */
const ATOMIC = /(^|\.)(selector|matchLabels|nodeSelector)$/;

/** @returns the path of the first difference, or undefined when nothing needs to be written */
export function findDrift(planned: unknown, live: unknown, path = ''): string | undefined {
  if (planned === undefined || planned === null) return undefined;
  if (Array.isArray(planned)) {
    if (!Array.isArray(live) || live.length !== planned.length)
      return planned.length === 0 && live === undefined ? undefined : path;
    for (let index = 0; index < planned.length; index += 1) {
      const found = findDrift(planned[index], live[index], `${path}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isComposite(planned)) {
    if (!isComposite(live)) return Object.keys(planned).length === 0 ? undefined : path;
    if (ATOMIC.test(path)) {
      const extra = Object.keys(live).find((key) => !(key in planned));
      if (extra !== undefined) return `${path}.${extra}`;
    }
    for (const key of Object.keys(planned)) {
      const found = findDrift(planned[key], live[key], path === '' ? key : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (planned === live) return undefined;
  // The API server leaves out false and empty values of most fields.
  if (live === undefined && (planned === false || planned === '' || planned === 0)) return undefined;
  return sameQuantity(planned, live) ? undefined : path;
}

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** "1000m" is stored as "1", 0.5 as "500m". */
function sameQuantity(a: unknown, b: unknown): boolean {
  const [x, y] = [quantity(a), quantity(b)];
  return x !== undefined && y !== undefined && Math.abs(x - y) <= Math.abs(x) * 1e-9;
}

function quantity(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const match = /^([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)$/.exec(value);
  const factor = SUFFIXES[match?.[2] ?? ''];
  return match?.[1] === undefined || factor === undefined ? undefined : Number(match[1]) * factor;
}
