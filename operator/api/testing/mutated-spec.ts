/** Valid specs with one to three things changed, so that about half of them are not valid any more. */
import { fc } from '../../testing/properties.ts';
import { RESERVED_USERS } from '../names.ts';
import { validSpec } from './arbitrary-spec.ts';
import type { JsonObject } from './json.ts';

/** Values at the edges of what the fields take, for any field whatever its type. */
const EDGES = [
  ...[null, true, false, {}, [], [null], [{}], { name: 'x' }, { a: 1 }],
  ...[0, -1, 1, 1.5, 2, 16, 100, 101, 65_535, 65_536, 100_000, 100_001, 1_000_000, 1_000_001],
  ...[2_147_483_647, 2_147_483_648, -2_147_483_648, -2_147_483_649, 1e30],
  ...[
    '',
    ' ',
    'x',
    'X',
    '-',
    'a-',
    'a.b',
    'a b',
    'a\nb',
    'a\n',
    '\ta',
    '\0',
    '\u0085',
    'a\u00a0b',
    '\u2028',
    '\ufeff',
    'é',
    '🐘',
  ],
  ...[
    '1',
    '80%',
    '0%',
    '100%',
    '101%',
    '%',
    '1s',
    '1h1m1s',
    '1m1h',
    '0s',
    's',
    '１s',
    '90ms',
    '1.26',
    '1.026',
    '1.26.1',
  ],
  ...['*', 'pgbouncer', 'primary', 'transaction', 'session', 'balanced', 'md5', 'constructor', '__proto__'],
  ...[
    'x'.repeat(63),
    'x'.repeat(64),
    '🐘'.repeat(63),
    '🐘'.repeat(64),
    'x'.repeat(253),
    'x'.repeat(254),
    'x'.repeat(1025),
  ],
  ...RESERVED_USERS,
];
const NEW_KEYS = [
  'host',
  'hosts',
  'service',
  'cnpgCluster',
  'state',
  'hba',
  'ldap',
  'query',
  'type',
  'connectionBudget',
  'backend',
  'name',
  'unknown',
  'constructor',
  '__proto__',
  'a.b',
  '',
];

interface Mutation {
  readonly where: number;
  readonly how: 'remove' | 'replace' | 'add' | 'repeat';
  readonly key: string;
  readonly value: unknown;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  where: fc.nat(),
  how: fc.constantFrom('remove', 'replace', 'replace', 'add', 'repeat'),
  key: fc.constantFrom(...NEW_KEYS),
  value: fc.constantFrom(...EDGES),
});

export const mutatedSpec: fc.Arbitrary<JsonObject> = fc
  .tuple(validSpec, fc.array(mutation, { minLength: 1, maxLength: 3 }))
  .map(([spec, mutations]) => {
    const copy = structuredClone(spec);
    for (const change of mutations) mutate(copy, change);
    return copy;
  });

function mutate(root: object, { where, how, key, value }: Mutation): void {
  const places = placesIn(root);
  const place = places[where % places.length];
  if (place === undefined) return;
  const { parent, name } = place;
  const child: unknown = Reflect.get(parent, name);
  switch (how) {
    case 'remove':
      if (Array.isArray(parent)) parent.splice(Number(name), 1);
      else Reflect.deleteProperty(parent, name);
      return;
    case 'replace':
      define(parent, name, value);
      return;
    case 'add':
      define(typeof child === 'object' && child !== null && !Array.isArray(child) ? child : root, key, value);
      return;
    case 'repeat':
      if (Array.isArray(parent)) parent.push(structuredClone(child));
      else if (Array.isArray(child)) child.push(structuredClone(child[0] ?? null));
      return;
  }
}

/** Also a key called `__proto__`, as JSON.parse makes it. */
const define = (parent: object, name: string, value: unknown): void => {
  const configuration = { value: structuredClone(value), writable: true, enumerable: true, configurable: true };
  Object.defineProperty(parent, name, configuration);
};

interface Place {
  readonly parent: object;
  readonly name: string;
}

const placesIn = (parent: object): readonly Place[] =>
  Object.entries(parent).flatMap(([name, child]: [string, unknown]) => [
    { parent, name },
    ...(typeof child === 'object' && child !== null ? placesIn(child) : []),
  ]);
