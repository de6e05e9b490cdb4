/** The scale bench itself, inside its network namespace. Prints tables, then JSON. */
import { parseArgs } from 'node:util';
import { imageNodeFlags } from '../../../operator/testing/image-settings.ts';
import { run } from '../../cluster/run.ts';
import { note, table } from '../../demo/output.ts';
import { type BareClient, measure, measureBareClient, type SizeResult } from './measure.ts';

const { values } = parseArgs({
  options: {
    directory: { type: 'string', default: '' },
    poolers: { type: 'string', default: '1,100,1000' },
    samples: { type: 'string', default: '40' },
    settle: { type: 'string', default: '60' },
    rest: { type: 'string', default: '60' },
    'no-bare': { type: 'boolean', default: false },
    /** Leaves a CPU profile of each operator in the working directory. */
    profile: { type: 'boolean', default: false },
    /** Instead of those in the image's entry point, to try others. */
    'node-flags': { type: 'string' },
  },
});

// Every address of 10.128.0.0/12 is this network's own: pods get theirs from there.
await run('ip', ['-batch', '-'], { input: 'link set lo up\nroute add local 10.128.0.0/12 dev lo\n' });
await run(process.execPath, ['tools/build.ts']);
const results: (SizeResult & { readonly bareClient: BareClient | undefined })[] = [];
for (const count of values.poolers.split(',').map(Number)) {
  const options = {
    directory: values.directory,
    samples: Number(values.samples),
    settleSeconds: Number(values.settle),
    restSeconds: Number(values.rest),
    nodeFlags: [
      ...(values['node-flags']?.split(' ') ?? (await imageNodeFlags())),
      ...(values.profile ? ['--cpu-prof'] : []),
    ],
  };
  const { result, pattern } = await measure(count, options);
  const bareClient = values['no-bare'] ? undefined : await measureBareClient(count, options, pattern);
  if (bareClient !== undefined) note(`${count}: a bare client needs ${bareClient.seconds.toFixed(1)} s`);
  results.push({ ...result, bareClient });
}

const row = (
  title: string,
  cell: (result: (typeof results)[number]) => string | number,
): readonly (string | number)[] => [title, ...results.map(cell)];
const pair = ({ p50, p95 }: { readonly p50: number; readonly p95: number }): string =>
  `${p50.toFixed(0)} / ${p95.toFixed(0)}`;
table([
  row('poolers', ({ poolers }) => poolers),
  row('RSS idle, MiB', ({ rssMiB }) => rssMiB.idle.toFixed(0)),
  row('RSS peak while all are created, MiB', ({ rssMiB }) => rssMiB.peak.toFixed(0)),
  row('RSS settled, MiB', ({ rssMiB }) => rssMiB.settled.toFixed(0)),
  row('RSS peak after a restart, MiB', ({ rssMiB }) => rssMiB.afterRestartPeak.toFixed(0)),
  row('all created: every Deployment, s', ({ bulk }) => bulk.deploymentsSeconds.toFixed(1)),
  row('  a bare client, s', ({ bareClient }) => bareClient?.seconds.toFixed(1) ?? '-'),
  row('  every pooler Ready, s', ({ bulk }) => bulk.readySeconds.toFixed(1)),
  row('  processor time, s', ({ bulk }) => bulk.cpuSeconds.toFixed(1)),
  row('    of the bare client, s', ({ bareClient }) => bareClient?.cpuSeconds.toFixed(1) ?? '-'),
  row('  writes / reads / events', ({ bulk }) => `${bulk.writes} / ${bulk.reads} / ${bulk.events}`),
  row('at rest: writes / reads', ({ rest }) => `${rest.writes} / ${rest.reads}`),
  row('  processor, %', ({ rest }) => rest.cpuPercent.toFixed(1)),
  row('one create → Deployment, p50 / p95 ms', ({ createMs }) => pair(createMs)),
  row('  a bare client', ({ bareClient }) => (bareClient === undefined ? '-' : pair(bareClient.createMs))),
  row('  beside one that hangs', ({ hanging }) => pair(hanging.createMs)),
  row('replicas → Deployment, ms', ({ scaleMs }) => pair(scaleMs)),
  row('setting → Secret, ms', ({ settingMs }) => pair(settingMs)),
  row('  beside one that hangs', ({ hanging }) => pair(hanging.settingMs)),
  row('setting → proved, ms', ({ settingProvedMs }) => pair(settingProvedMs)),
  row(
    'writes for a create / scale / setting',
    ({ writesFor }) => `${writesFor.create} / ${writesFor.scale} / ${writesFor.setting}`,
  ),
  row('50 Services deleted → back, s', ({ servicesBackSeconds }) => servicesBackSeconds.toFixed(2)),
  row('shared Secret: writes after a metadata edit', ({ sharedSecret }) => sharedSecret.metadataWrites),
  row('  poolers changed by a new password', ({ sharedSecret }) => sharedSecret.contentChanged),
  row('  until all are proved, s', ({ sharedSecret }) => sharedSecret.provedSeconds.toFixed(1)),
  row('restart: last call, s', ({ restart }) => restart.lastCallSeconds.toFixed(1)),
  row('  writes / reads', ({ restart }) => `${restart.writes} / ${restart.reads}`),
  row('  processor time, s', ({ restart }) => restart.cpuSeconds.toFixed(1)),
]);
console.log(JSON.stringify({ bench: 'scale', results }));
