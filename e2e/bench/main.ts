/** npm run bench -- NAME: the figures of docs/performance.md, measured again. Each prints a table, then JSON. */
import { parseArgs } from 'node:util';
import { operatorImage } from '../cluster/images.ts';
import { openTarget } from '../demo/target.ts';
import { benchCache } from './cache.ts';
import { benchChange } from './change.ts';
import { benchChaos } from './chaos.ts';
import { benchIdle } from './idle.ts';
import { install } from './installation.ts';
import { benchLoad } from './load.ts';
import { benchOutage } from './outage.ts';
import { benchProtocol } from './protocol.ts';
import { benchReady } from './ready.ts';
import { benchRotation } from './rotation.ts';
import { benchScale } from './scale.ts';

const BENCHES = {
  change: benchChange,
  ready: benchReady,
  rotation: benchRotation,
  load: benchLoad,
  idle: benchIdle,
} as const;
/** These bring all they need, and ask for no cluster. */
const ALONE = { cache: () => benchCache(), chaos: benchChaos, outage: benchOutage, protocol: benchProtocol } as const;

// It has options of its own.
if (process.argv[2] === 'scale') {
  console.log(JSON.stringify(await benchScale(process.argv.slice(3))));
  process.exit(0);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    context: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    poolers: { type: 'string' },
    how: { type: 'string' },
  },
});
const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
const options = { rounds: number(values.rounds), seconds: number(values.seconds), minutes: Number(values.minutes) };
const isOne = <T extends object>(candidate: string | undefined, all: T): candidate is keyof T & string =>
  candidate !== undefined && Object.hasOwn(all, candidate);

const [name] = positionals;
if (isOne(name, ALONE)) {
  const own = { ...options, poolers: number(values.poolers), how: values.how };
  console.log(JSON.stringify(await ALONE[name](own)));
} else if (!isOne(name, BENCHES)) {
  const names = [...Object.keys(BENCHES), ...Object.keys(ALONE), 'scale'].join(' | ');
  console.error(
    `usage: npm run bench -- ${names} [--context NAME] [--rounds N] [--seconds N] [--minutes N] [--poolers N] [--how killed|frozen|etcd]\n       npm run bench -- scale [--poolers 1,100,1000] [--samples N] [--settle SECONDS] [--rest SECONDS] [--no-bare] [--profile] [--node-flags FLAGS]`,
  );
  process.exitCode = 2;
} else {
  const target = await openTarget(values.context, [
    'ghcr.io/poolkeeper/pgbouncer:1.26.1',
    ...(name === 'rotation' ? ['ghcr.io/poolkeeper/pgbouncer:1.24.1'] : []),
    'localhost/postgres:18',
    operatorImage,
  ]);
  const uninstall = await install(target);
  try {
    console.log(JSON.stringify(await BENCHES[name](target, options)));
  } finally {
    await uninstall();
    await target.remove();
  }
}
