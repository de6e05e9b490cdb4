/**
 * A process that wants to lead, for tests that kill and stop processes. It writes one line for each thing that happens
 * (`waiting`, `leading`, `lost`, `released`), and `write <when it was begun> <version it got>` for each write that it was
 * allowed to do. SIGTERM ends it in good order.
 */

import { systemClock } from '../../runtime/clock.ts';
import { apiAccess } from '../access.ts';
import { createKubeClient } from '../client.ts';
import { createLeaderElector } from '../lease.ts';
import { apply } from '../operations.ts';

const [file, namespace = '', identity = ''] = process.argv.slice(2);
const client = createKubeClient(await apiAccess({ file }, {}), { userAgent: identity });
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const elector = createLeaderElector(client, {
  namespace,
  name: 'candidates',
  identity,
  enabled: true,
  clock: systemClock,
  log: (message, details) => process.stderr.write(`${identity}: ${message} ${JSON.stringify(details)}\n`),
});
const stop = Promise.withResolvers<string>();
process.once('SIGTERM', () => stop.resolve('SIGTERM'));

say('waiting');
if (await elector.waitForLeadership(stop.promise)) {
  say('leading');
  const ending = new AbortController();
  const working = (async () => {
    while (!ending.signal.aborted) {
      if (elector.mayWrite()) {
        const begun = Date.now();
        const written = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'written', namespace },
          data: { by: identity, at: String(begun) },
        };
        const resource = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true };
        const options = { fieldManager: identity, force: true, signal: elector.signal };
        await apply(client, resource, written, options).then(
          ({ metadata }) => say(`write ${begun} ${metadata.resourceVersion}`),
          () => undefined,
        );
      }
      await systemClock.sleep(50, ending.signal);
    }
  })();
  await Promise.race([stop.promise, elector.lost()]);
  if (elector.isLost()) say('lost');
  ending.abort();
  await working;
  await elector.release();
  say('released');
}
process.exit(elector.isLost() ? 1 : 0);
