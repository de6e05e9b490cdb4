/** A Secret with its content: read for one purpose, and not kept. */
import type { KubeObject } from '../kube/objects.ts';

export interface SecretObject extends KubeObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** File name → text. */
export const filesIn = ({ data = {} }: SecretObject): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(data).map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]));
