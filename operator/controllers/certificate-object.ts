import type { KubeObject } from '../kube/objects.ts';

/** A Certificate as far as it is cached: what is asked for, and whether it is there. */
export interface CertificateObject extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}
