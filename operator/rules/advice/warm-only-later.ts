/** Without a user of its own, a database has no pool before a client logs in, so nothing can be kept open for it. */
import { type Warning, warning } from '../../api/warning.ts';
import type { Subject } from './subject.ts';

const PROBLEM = 'is kept only after a client of each user has been there: nothing is warm after a start';

export function warmOnlyLater({ spec, pools }: Subject): readonly Warning[] {
  const cold = pools.filter(({ database }) => database.serverUser === undefined);
  const own = cold.flatMap(({ path, database }) =>
    database.minPoolSize === undefined
      ? []
      : [
          warning('WarmOnlyLater', {
            path: `${path}.minPoolSize`,
            value: database.minPoolSize,
            problem: PROBLEM,
            remedy: `set ${path}.serverUser, in whose name the connections can be opened`,
          }),
        ],
  );
  const everywhere = spec.defaults?.minPoolSize;
  const led = cold.filter(({ database }) => database.minPoolSize === undefined);
  if (everywhere === undefined || led.length === 0) return own;
  return [
    ...own,
    warning('WarmOnlyLater', {
      path: 'spec.defaults.minPoolSize',
      value: everywhere,
      problem: `${PROBLEM} in ${led.map(({ database }) => database.name).join(', ')}`,
      remedy: 'give these databases a serverUser, in whose name the connections can be opened',
    }),
  ];
}
