/** npm run bench -- NAME: the figures of docs/performance.md, measured again. Each prints a table, then JSON. */
import { parseArgs } from 'node:util';
import { operatorImage } from '../cluster/images.ts';
import { openTarget } from '../demo/target.ts';
import { benchCache } from './cache.ts';
import { benchChange } from './change.ts';
import { benchIdle } from './idle.ts';
import { install } from './installation.ts';
import { benchLoad } from './load.ts';
import { benchReady } from './ready.ts';

const BENCHES = { change: benchChange, ready: benchReady, load: benchLoad, idle: benchIdle } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    context: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    minutes: { type: 'string', default: '10' },
  },
});
const name = Object.keys(BENCHES).find((candidate): candidate is keyof typeof BENCHES => candidate === positionals[0]);
if (positionals[0] === 'cache') {
  // Needs no cluster, only a control plane.
  console.log(JSON.stringify(await benchCache()));
} else if (name === undefined) {
  console.error(
    `usage: npm run bench -- ${Object.keys(BENCHES).join(' | ')} | cache [--context NAME] [--rounds N] [--seconds N] [--minutes N]`,
  );
  process.exitCode = 2;
} else {
  const target = await openTarget(values.context, [
    'ghcr.io/poolkeeper/pgbouncer:1.26.1',
    'localhost/postgres:18',
    operatorImage,
  ]);
  const uninstall = await install(target);
  try {
    const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
    const options = { rounds: number(values.rounds), seconds: number(values.seconds), minutes: Number(values.minutes) };
    console.log(JSON.stringify(await BENCHES[name](target, options)));
  } finally {
    await uninstall();
    await target.remove();
  }
}
