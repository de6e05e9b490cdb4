/** The plan of an edit, for people: what will happen first, then what changes, who notices, and the connections. */

import { isOver, type PeakRow } from '../plan/peak-connections.ts';
import type { EntryChange, PoolerChange, SettingChange } from '../plan/pooler-change.ts';
import { table } from './table.ts';

export function planText(change: PoolerChange): string {
  const title = `${change.name} in ${change.namespace}`;
  if (change.outcome === 'none') return `${title}: nothing changes.\n`;
  const parts = [
    [`${title}: ${summary(change)}.`],
    section('What happens, in this order', numbered(steps(change))),
    section('Changes', changes(change)),
    section(
      'Who notices',
      table(
        change.cuts.map(({ who, what, cuts }) => [`  ${cuts ? '!' : ' '}`, who, what]),
        [{}, { limit: 40 }],
      ),
    ),
    section('Server connections, at most', connections(change.connections)),
  ];
  return `${parts
    .filter((part) => part.length > 0)
    .map((part) => part.join('\n'))
    .join('\n\n')}\n`;
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [title, ...lines];

const numbered = (lines: readonly string[]): readonly string[] => lines.map((line, index) => `  ${index + 1}. ${line}`);

const count = (number: number, one: string, more = `${one}s`): string => `${number} ${number === 1 ? one : more}`;

function summary({ outcome, settings, entries, pods, objects, cuts, waiting, suspended }: PoolerChange): string {
  if (outcome === 'create') return `would be created with ${count(pods.after, 'replica')}`;
  const changed = settings.length + entries.length + objects.length;
  const what = outcome === 'restart' ? `${count(pods.replaced, 'pod is', 'pods are')} replaced` : 'no pod is replaced';
  const cut = outcome !== 'restart' && cuts.some(({ cuts: ends }) => ends) ? ', some clients are cut off' : '';
  const later =
    waiting.length === 0 ? '' : `, ${waiting.join(', ')} ${waiting.length === 1 ? 'waits' : 'wait'} for a restart`;
  return `${count(changed, 'change')}, ${what}${later}${cut}${suspended ? '; suspended: nothing is written' : ''}`;
}

/** In the order in which the operator acts. */
function steps({ outcome, settings, entries, pods, objects, waiting, suspended }: PoolerChange): readonly string[] {
  const held = suspended ? ['Nothing, until suspend is false: the operator writes nothing. Then:'] : [];
  if (outcome === 'create')
    return [...held, 'Service, configuration and pods are written; each pod is proved before it counts as ready.'];
  const grows = pods.after > pods.before;
  const service = objects.some(({ object }) => object === 'Service')
    ? ['The Service changes at once; connections that are open stay.']
    : [];
  const reload =
    outcome === 'restart' || !(settings.some(({ by }) => by === 'reload') || entries.length > 0)
      ? []
      : [
          pods.before === 1
            ? 'The configuration is reloaded and proved on the only pod: there is no other one to try it on first.'
            : `The configuration is reloaded and proved on one pod, then on the other ${pods.before === 2 ? 'one' : `${pods.before - 1} pods`}; on failure all go back.`,
        ];
  const roll =
    outcome === 'restart'
      ? [
          `${count(pods.replaced, 'pod is', 'pods are')} replaced one at a time, because ${pods.because.join(', ')}; each new one is proved before the next.`,
        ]
      : [];
  const scale =
    pods.after === pods.before
      ? []
      : [
          grows
            ? `Pods are added, ${pods.before} → ${pods.after}; shares of a budget are made smaller, and proved, before that.`
            : `Pods are removed, ${pods.before} → ${pods.after}; shares of a budget grow when they are gone.`,
        ];
  const secrets = objects.some(({ object }) => object.startsWith('Secret '))
    ? ['Connection Secrets follow when every pod is proved.']
    : [];
  const later =
    waiting.length === 0
      ? []
      : [`${waiting.join(', ')}: RestartRequired, until the pods are restarted (rollout.restart is Manual).`];
  return [...held, ...service, ...reload, ...roll, ...scale, ...later, ...secrets];
}

function changes({ settings, entries, objects }: PoolerChange): readonly string[] {
  const rows = [
    ...entries.map(entryRow),
    ...settings.map(settingRow),
    ...objects.map(({ object, field, before, after }) => ['  ~', object, field, arrow(before, after), '', '']),
  ];
  return table(rows, [{}, { limit: 40 }, { limit: 32 }, { limit: 40 }, {}, {}]);
}

const SECTIONS = { databases: '[databases]', users: 'user', access: 'access' } as const;

const entryRow = ({ section: of, name, change }: EntryChange): readonly string[] => [
  change === 'added' ? '  +' : '  -',
  `${SECTIONS[of]} ${name}`,
  '',
  change,
  'reload',
  '',
];

const settingRow = ({ section: of, name, key, before, after, by, source }: SettingChange): readonly string[] => [
  '  ~',
  name === undefined ? `[${of}]` : `[${of}] ${name}`,
  key,
  arrow(before, after),
  by,
  source,
];

const arrow = (before: string | null, after: string | null): string => `${shown(before)} → ${shown(after)}`;
const shown = (value: string | null): string => (value === null || value === '' ? 'unset' : value);

function connections(rows: readonly PeakRow[]): readonly string[] {
  if (rows.length === 0) return [];
  const number = (value: number | null): string => (value === null ? 'no limit' : String(value));
  const ceiling = (value: number | null): string => (value === null ? '-' : String(value));
  const lines = rows.map((row) => [
    row.database === undefined ? `  ${row.backend}` : `    ${row.database}`,
    number(row.before),
    number(row.during),
    number(row.after),
    ceiling(row.budget),
    row.database === undefined ? ceiling(row.server) : '',
    isOver(row, row.after) ? 'above it' : isOver(row, row.during) ? 'above it meanwhile' : '',
  ]);
  const right = { align: 'right' } as const;
  return table(
    [['  BACKEND', 'BEFORE', 'MEANWHILE', 'AFTER', 'BUDGET', 'SERVER', ''], ...lines],
    [{}, right, right, right, right, right],
  );
}
