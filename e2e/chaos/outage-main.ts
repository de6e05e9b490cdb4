/** `sufferOutage` as a program of its own, for `runIsolated`. Prints what happens, and the report as JSON last. */
import { parseArgs } from 'node:util';
import { WAYS } from './away.ts';
import { sufferOutage } from './outage.ts';

const { values } = parseArgs({
  options: {
    directory: { type: 'string', default: '' },
    poolers: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '600' },
    how: { type: 'string', default: 'killed' },
    lease: { type: 'string', default: '10' },
    observe: { type: 'string', default: '5' },
  },
});
const report = await sufferOutage(
  {
    directory: values.directory,
    poolers: Number(values.poolers),
    seconds: Number(values.seconds),
    leaseSeconds: Number(values.lease),
    observeSeconds: Number(values.observe),
    how: WAYS.find((way) => way === values.how) ?? 'killed',
  },
  (message) => console.log(message),
);
console.log(JSON.stringify(report));
process.exit(0);
