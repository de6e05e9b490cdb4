/** Who comes in vain after an edit that leaves open connections alone: another port, other rules, smaller limits. */
import type { HbaRule } from '../pgbouncer/hba.ts';
import { printHba } from '../pgbouncer/hba.ts';
import { planAccessRules } from './access-rules.ts';
import { entryOf } from './database-section.ts';
import { readAccessLines } from './hba-lines.ts';
import { statedIn } from './main-section.ts';
import { service } from './objects.ts';
import type { Cut, PlannedPooler } from './pooler-change.ts';

export const refusalsOf = (before: PlannedPooler, after: PlannedPooler): readonly Cut[] => [
  ...otherService(before, after),
  ...stricterRules(before, after),
  ...smallerLimits(before, after),
];

function otherService(before: PlannedPooler, after: PlannedPooler): readonly Cut[] {
  const [old, now] = [before, after].map(({ pooler }) => service(pooler)['spec']) as readonly ServiceSpec[];
  const [port, next] = [old?.ports[0]?.port, now?.ports[0]?.port];
  const inside = old?.type !== 'ClusterIP' && now?.type === 'ClusterIP';
  return [
    ...(port === next
      ? []
      : [
          {
            who: `clients that know port ${port}`,
            what: `find nobody there when they connect: the Service has port ${next}`,
            cuts: true,
          },
        ]),
    ...(inside ? [{ who: 'clients outside the cluster', what: 'do not reach the Service any more', cuts: true }] : []),
  ];
}

interface ServiceSpec {
  readonly type: string;
  readonly ports: readonly { readonly port: number }[];
}

/** By which other methods whoever came in by the first one comes in too. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  'scram-sha-256': ['md5', 'password', 'trust'],
  md5: ['password', 'trust'],
  password: ['trust'],
};

function stricterRules(before: PlannedPooler, after: PlannedPooler): readonly Cut[] {
  const rulesOf = ({ pooler, version }: PlannedPooler): readonly HbaRule[] =>
    planAccessRules(pooler.spec, version, { listed: new Set() }).filter(({ method }) => method !== 'reject');
  const now = rulesOf(after);
  const lines = new Set(now.map(lineOf));
  const gone = rulesOf(before).filter((rule) => !lines.has(lineOf(rule)));
  const instead = (rule: HbaRule): HbaRule | undefined => now.find((other) => scopeOf(other) === scopeOf(rule));
  const methods = gone.flatMap((rule): readonly string[] => {
    const method = instead(rule)?.method;
    return method === undefined || method === rule.method || WIDER[rule.method]?.includes(method)
      ? []
      : [`by ${method} instead of ${rule.method}`];
  });
  const closed = gone.filter((rule) => instead(rule) === undefined);
  const turned = [before, after].map(({ pooler, version }) => readAccessLines(pooler.spec, version).rules.map(lineOf));
  const [old = [], next = []] = turned;
  const rejects = readAccessLines(after.pooler.spec, after.version).rules.filter(
    (rule) => rule.method === 'reject' && !old.includes(lineOf(rule)),
  );
  const kept = old.filter((line) => next.includes(line));
  const isMoved = kept.join('\n') !== next.filter((line) => old.includes(line)).join('\n');
  const what = 'are refused when they connect';
  return [
    ...[...new Set(methods)].map((how) => ({
      who: 'clients',
      what: `must log in ${how} when they connect`,
      cuts: true,
    })),
    ...closed.map((rule) => ({
      who: `clients of "${lineOf(rule)}"`,
      what: `${what}, unless another rule lets them in`,
      cuts: true,
    })),
    ...rejects.map((rule) => ({
      who: `clients of "${lineOf(rule)}"`,
      what: `${what}, unless a rule before it lets them in`,
      cuts: true,
    })),
    ...(isMoved
      ? [
          {
            who: 'clients whom several access rules match',
            what: 'may be refused when they connect: the order of the rules changes',
            cuts: true,
          },
        ]
      : []),
  ];
}

const lineOf = (rule: HbaRule): string => printHba([rule]).trim().replaceAll(/\s+/g, ' ');
const scopeOf = (rule: HbaRule): string => lineOf({ ...rule, method: 'reject', options: {} });

const CLIENT_LIMITS = {
  databases: ['max_db_client_connections', 'clients of'],
  users: ['max_user_client_connections', 'clients that log in as'],
} as const;

function smallerLimits(before: PlannedPooler, after: PlannedPooler): readonly Cut[] {
  const cut = (who: string, old: string | undefined, now: string | undefined): readonly Cut[] =>
    limit(now) < limit(old)
      ? [
          {
            who,
            what: `are refused when ${now} of them are connected to their replica; those that are there go on`,
            cuts: true,
          },
        ]
      : [];
  const inEntries = (['databases', 'users'] as const).flatMap((section) => {
    const [key, who] = CLIENT_LIMITS[section];
    return after.config.entries[section].flatMap((entry) => {
      const old = entryOf(before.config.entries[section], entry.name);
      // A database that is new had no clients.
      if (old === undefined && section === 'databases') return [];
      return cut(`${who} ${entry.name}`, statedIn(old?.settings ?? [])(key), statedIn(entry.settings)(key));
    });
  });
  const [old, now] = [before, after].map(({ config }) => statedIn(config.settings)('max_client_conn'));
  return [...cut('clients', old, now), ...inEntries];
}

/** 0, and nothing at all, are unlimited. */
const limit = (value: string | undefined): number =>
  Number(value ?? 0) === 0 ? Number.POSITIVE_INFINITY : Number(value);
