/**
 * Keeps the documents true where a machine can tell: links lead somewhere, every reason that a condition can have is in
 * the runbook, tables of defaults say what the code renders, and every ConnectionPooler printed anywhere validates.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { loadAll } from 'js-yaml';
import { formatFault } from '../operator/api/fault.ts';
import { validatePooler } from '../operator/api/validate.ts';
import { holdersOf, planBudget } from '../operator/plan/budget.ts';
import { ALWAYS, CONSERVATIVE, PROFILES } from '../operator/plan/profiles.ts';
import { CONDITION_RULES } from '../operator/rules/conditions.ts';
import { createMetrics } from '../operator/telemetry/metrics.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const filesIn = (directory: string, ending: string): readonly string[] =>
  readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(directory, name));

const MARKDOWN = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'charts/poolkeeper/README.md'],
  ...filesIn('docs', '.md').filter((file) => !file.startsWith('docs/reference/')),
];

/** As GitHub makes them. */
const anchorsOf = (markdown: string): ReadonlySet<string> =>
  new Set(
    [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

const fenced = (markdown: string, language: string): readonly string[] =>
  [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, lang, text = '']) =>
    lang === language ? [text] : [],
  );

const withoutCode = (markdown: string): string => markdown.replace(/^```.*?^```$/gms, '');

describe('links', () => {
  for (const file of MARKDOWN) {
    it(`of ${file} lead to files and headings that exist`, () => {
      for (const [, target = ''] of withoutCode(read(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const linked = path === '' ? file : relative(root, join(root, dirname(file), path));
        const text = read(linked);
        if (anchor !== undefined) assert.ok(anchorsOf(text).has(anchor), `${target}: ${linked} has no such heading`);
      }
    });
  }
});

describe('the map of architecture.md', () => {
  it('leads to files that exist', () => {
    const paths = [...read('docs/architecture.md').matchAll(/`((?:operator|charts|e2e|tools)\/[^`]*)`/g)].map(
      ([, path = '']) => path,
    );
    assert.ok(paths.length > 20);
    for (const path of paths) assert.ok(existsSync(join(root, path)), path);
  });
});

describe('the runbook', () => {
  const headings = new Set([...read('docs/operations.md').matchAll(/^### (\w+)$/gm)].map(([, name]) => name));
  const reasons = filesIn('operator/rules', '.ts')
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) => [...read(file).matchAll(/reason: (?:\w+ \? )?'(\w+)'(?: : '(\w+)')?/g)])
    .flatMap(([, one, other]) => [one, other])
    .filter((reason) => reason !== undefined);

  it('has an entry for every reason that a condition can have', () => {
    assert.ok(reasons.length > 20, 'the reasons were found in the source');
    // Ready and Stalled are headings of conditions too.
    const missing = [...new Set(reasons)].filter(
      (reason) => !headings.has(reason) && reason !== 'Ready' && reason !== 'Stalled',
    );
    assert.deepEqual(missing, []);
  });

  it('has no entry for a reason that none can have', () => {
    const known = new Set(reasons);
    assert.deepEqual(
      [...headings].filter((heading) => heading !== undefined && !known.has(heading)),
      [],
    );
  });

  it('has a chapter for every condition, and so has the table of concepts', () => {
    const chapters = new Set([...read('docs/operations.md').matchAll(/^## (\w+)$/gm)].map(([, name]) => name));
    const concepts = read('docs/concepts.md');
    for (const [type] of CONDITION_RULES) {
      assert.ok(chapters.has(type), `operations.md: ${type}`);
      assert.match(concepts, new RegExp(`^\\| \`${type}\` \\|`, 'm'), `concepts.md: ${type}`);
    }
  });
});

/** Cells of the first row whose first cell names `key`. */
function rowOf(markdown: string, key: string): readonly string[] {
  const row = markdown.split('\n').find((line) => line.startsWith('|') && line.split('|')[1]?.includes(`\`${key}\``));
  assert.ok(row, `there is a row for ${key}`);
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe('the tables of tuning.md', () => {
  const tuning = read('docs/tuning.md');
  const [profiles = '', defaults = ''] = tuning.slice(tuning.indexOf('## Profiles')).split('## Conservative defaults');

  for (const { key, value } of [...ALWAYS, ...CONSERVATIVE]) {
    it(`say ${key} = ${value}`, () => {
      const [names = '', values = ''] = rowOf(defaults, key);
      const position = names.split(',').findIndex((name) => name.trim() === `\`${key}\``);
      const listed = values.split(',').map((cell) => cell.trim());
      assert.equal(listed[position] ?? listed[0], value);
    });
  }

  const columns = ['balanced', 'highThroughput', 'lowLatency'] as const;
  for (const [column, name] of columns.entries()) {
    it(`say what the profile ${name} fills in`, () => {
      const profile = PROFILES[name];
      const expected: Readonly<Record<string, string | number>> = {
        default_pool_size: profile.poolSize,
        reserve_pool_size: profile.reservePoolSize,
        max_client_conn: profile.maxClientConnections,
        ...('poolMode' in profile ? { pool_mode: profile.poolMode } : {}),
        ...profile.settings,
      };
      for (const [key, value] of Object.entries(expected)) {
        assert.equal(rowOf(profiles, key)[column + 1], String(value), key);
      }
    });
  }
});

describe('the page of metrics', () => {
  const metrics = createMetrics('0.0.0');
  metrics.exposePools(
    () => [],
    () => undefined,
  );
  metrics.exposeStaleness(() => []);
  metrics.exposeLeadership(() => false);
  metrics.exposeWork({ maxConcurrent: 1, inProgressSeconds: () => [] });
  const exist = metrics.registry
    .getMetricsAsArray()
    .map(({ name }) => name)
    .filter((name) => !/^(process|nodejs)_/.test(name));
  const page = read('docs/metrics.md');
  const named = new Set(
    [...page.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    ),
  );

  it('names every metric there is', () => {
    assert.deepEqual(
      exist.filter((name) => !named.has(name)),
      [],
    );
  });

  it('names none that is not', () => {
    const known = new Set(exist);
    const used = [...page.matchAll(/\b(?:pgbouncer|poolkeeper)_[a-z_]+\b(?![.(/])/g)].map(([name]) => name);
    const invented = [...named, ...used].filter(
      (name) => name !== undefined && !known.has(name) && name !== 'pgbouncer_exporter',
    );
    assert.deepEqual(invented, []);
  });
});

describe('every ConnectionPooler in a document or sample', () => {
  const sources = [
    ...filesIn('manifests/samples', '.yaml').map((file) => ({ file, text: read(file) })),
    ...MARKDOWN.flatMap((file) => fenced(read(file), 'yaml').map((text) => ({ file, text }))),
    // A here-document of a shell block.
    ...MARKDOWN.flatMap((file) =>
      fenced(read(file), 'sh').flatMap((text) =>
        [...text.matchAll(/<<'EOF'\n(.*?)^EOF$/gms)].map(([, document = '']) => ({ file, text: document })),
      ),
    ),
  ];
  const poolers = sources.flatMap(({ file, text }) =>
    loadAll(text)
      .filter((document) => isRecord(document))
      .flatMap((document) => {
        if (document['kind'] === 'ConnectionPooler') return [{ file, document }];
        // The README prints the spec alone, a page about one part of it that part.
        const spec = isRecord(document['auth']) ? { backends: [{ host: 'pg' }], ...document } : document['spec'];
        return document['kind'] === undefined && isRecord(spec)
          ? [
              {
                file,
                document: {
                  apiVersion: 'poolkeeper.dev/v1alpha1',
                  kind: 'ConnectionPooler',
                  metadata: { name: 'app' },
                  spec,
                },
              },
            ]
          : [];
      }),
  );

  it('is found', () => assert.ok(poolers.length >= 4));

  for (const [index, { file, document }] of poolers.entries()) {
    it(`validates and fits its budget (${file}, ${index})`, () => {
      const validated = validatePooler(document, 'refuse');
      assert.ok(validated.ok, validated.ok ? '' : validated.faults.map(formatFault).join('\n'));
      const { spec } = validated.pooler;
      assert.deepEqual(planBudget(spec, holdersOf(spec.replicas, 0)).faults, []);
    });
  }
});

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
