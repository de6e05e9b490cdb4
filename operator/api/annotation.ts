/** Annotations that hold an object as JSON. Hands can write them, too. */
import { isObject } from './schema-node.ts';

/** Undefined when there is none, or what it says is no object. */
export function objectIn(annotation: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (annotation === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(annotation);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
