import type { ControlPlane } from './control-plane.ts';
import { waitFor } from './processes.ts';

const DEFINITION = 'crd/connectionpoolers.poolkeeper.dev';

interface Definition {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[] | null;
  };
}

/**
 * Until our definition is served. A definition that was just made has conditions that are null, over which both
 * `kubectl wait` and kubectl's JSONPath stumble.
 */
export const established = ({ kubectl }: Pick<ControlPlane, 'kubectl'>): Promise<void> =>
  waitFor(
    'the definition to be established',
    async () => {
      const { status } = JSON.parse(await kubectl(['get', DEFINITION, '-o=json'])) as Definition;
      return status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
    },
    { timeoutMs: 60_000 },
  );
