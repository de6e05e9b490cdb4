import type { ControlPlane } from './control-plane.ts';
import { waitFor } from './processes.ts';

const DEFINITION = 'crd/connectionpoolers.poolkeeper.dev';
const STATUS = '-o=jsonpath={.status.conditions[?(@.type=="Established")].status}';

/** Until our definition is served. `kubectl wait` ends in an error when it looks before there are conditions. */
export const established = ({ kubectl }: Pick<ControlPlane, 'kubectl'>): Promise<void> =>
  waitFor('the definition to be established', async () => (await kubectl(['get', DEFINITION, STATUS])) === 'True', {
    timeoutMs: 60_000,
  });
