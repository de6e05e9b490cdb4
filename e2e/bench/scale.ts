/**
 * npm run bench -- scale: 1, 100 and 1000 poolers on a real API server with the controllers of Kubernetes, with simulated
 * kubelets and consoles. In a network of its own, where every pod can have an address.
 */
import { runIsolated } from '../chaos/isolated.ts';

export const benchScale = (args: readonly string[]): Promise<object> =>
  runIsolated(new URL('./scale/inside.ts', import.meta.url), args, console.log);
