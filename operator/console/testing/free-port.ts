/** A port that nobody listens on, for servers of tests that must be told theirs. */
import { freePorts } from '../../../e2e/cluster/ports.ts';

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}
