/** kubectl-pooler: what the operator knows, on the command line. */
import { parseArgs } from 'node:util';
import { formatFault } from '../api/fault.ts';
import { formatWarning } from '../api/warning.ts';
import type { TemplateMode } from '../plan/template-merge.ts';
import { DEFAULT_IMAGE } from '../settings.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { type Documents, readDocuments, UnreadableFile } from './documents.ts';
import { explain, FORMATS, type Format, printExplanations } from './explain.ts';
import { type OfflineOptions, type OfflinePlan, planOffline } from './offline-plan.ts';
import { exitCodeOf, nameIn, type PlanRequest, planEdit, type Wanted } from './plan.ts';
import { planText } from './plan-text.ts';
import { renderYaml } from './render.ts';
import { sql } from './sql.ts';

const USAGE = `kubectl pooler: PgBouncer poolers as Poolkeeper runs them

  plan     -f FILE [--from FILE]      what an edit will do: each setting and what applies it, pods replaced, clients cut
                                      off, server connections before, meanwhile and after; against the cluster, or FILE
  explain  NAME | -f FILE             every setting that is in force, where it comes from, and what a change of it needs
  render   -f FILE [--show-secrets]   print every object, offline
  validate -f FILE                    print a line for each fault and each warning, exit 1 when there is a fault
  sql [--job -f FILE]                 print what a database administrator runs for auth.query; sql --help

Options:
  -f, --filename FILE       a YAML file, - for standard input; may be given several times. Secrets found beside a pooler are used
      --from FILE           plan: compare with this file and ask no cluster
      --exit-code           plan: exit with 0 when nothing changes, 3 when no client notices, 4 when pods are replaced or
                            clients cut off
  -o, --output FORMAT       explain: table (default), json or yaml; plan: table (default) or json
  -n, --namespace NAME      for poolers that do not name theirs (default: the context's in a cluster, else default)
      --context NAME        a context of the kubeconfig (default: the current one)
      --kubeconfig FILE     default: KUBECONFIG, or the one in the home directory
      --show-secrets        print passwords instead of masking them
      --default-image IMG   the operator's default image (default: ${DEFAULT_IMAGE})
      --pod-template MODE   restricted (default) or full, as the operator was started
  -h, --help                this text

Exit codes: 0 all is well (warnings or not), 1 faults were found, 2 the call itself was wrong; and those of plan --exit-code.
`;

const OPTIONS = {
  filename: { type: 'string', short: 'f', multiple: true },
  from: { type: 'string' },
  'exit-code': { type: 'boolean', default: false },
  output: { type: 'string', short: 'o', default: 'table' },
  namespace: { type: 'string', short: 'n' },
  context: { type: 'string' },
  kubeconfig: { type: 'string' },
  'show-secrets': { type: 'boolean', default: false },
  'default-image': { type: 'string', default: DEFAULT_IMAGE },
  'pod-template': { type: 'string', default: 'restricted' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const COMMANDS = ['plan', 'explain', 'render', 'validate'] as const;

/** Exit codes: 0 all is well (warnings or not), 1 faults were found, 2 the call itself was wrong. */
async function main(args: readonly string[]): Promise<number> {
  if (args[0] === 'sql') return sql(args.slice(1));
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
    strict: true,
  });
  const [word, ...names] = positionals;
  if (values.help || word === undefined) {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    return values.help ? 0 : 2;
  }
  const command = COMMANDS.find((name) => name === word);
  if (command === undefined) return misuse(`there is no command ${word}`);
  const live = command === 'explain' && names.length > 0;
  if (values.filename === undefined && !live)
    return misuse(`${command} needs ${command === 'explain' ? 'the NAME of a pooler, or -f FILE' : '-f FILE'}`);
  if (names.length > (command === 'explain' ? 1 : 0) || (live && values.filename !== undefined))
    return misuse(`${command} does not know what to do with ${names.join(' ')}`);
  const mode: TemplateMode | undefined = (['restricted', 'full'] as const).find(
    (name) => name === values['pod-template'],
  );
  if (mode === undefined) return misuse(`--pod-template is restricted or full, not ${values['pod-template']}`);
  const format = FORMATS.find((name) => name === values.output && (command === 'explain' || name !== 'yaml'));
  if (format === undefined) return misuse(`${command} has no output ${values.output}`);

  const files = await Promise.all((values.filename ?? []).map(readDocuments));
  const options: OfflineOptions = {
    namespace: values.namespace ?? 'default',
    defaultImage: values['default-image'],
    templateMode: mode,
    secrets: files.flatMap((file) => file.secrets),
    showSecrets: values['show-secrets'],
    now: Date.now(),
  };
  const inCluster = async (work: (cluster: Cluster, namespace: string) => Promise<number>): Promise<number> => {
    const cluster = await openCluster({ context: values.context, file: values.kubeconfig });
    try {
      return await work(cluster, values.namespace ?? cluster.namespace);
    } finally {
      cluster.close();
    }
  };
  if (live) return inCluster((cluster, namespace) => explainLive(cluster, namespace, names[0] ?? '', options, format));
  if (command !== 'plan') return run(command, files, options, format);
  const others = values.from === undefined ? undefined : (await readDocuments(values.from)).poolers;
  const output = { json: format === 'json', codes: values['exit-code'] };
  if (others !== undefined) {
    return plan(files, options, output, async (namespace, name) => {
      const pooler = others.find((other) => isNamed(other, options.namespace, namespace, name));
      return pooler && { what: values.from ?? '', pooler };
    });
  }
  return inCluster((cluster, namespace) =>
    plan(files, { ...options, namespace }, output, async (at, name) => {
      const found = await cluster.find(at, name);
      return found && { what: `${name} in the cluster`, ...found };
    }),
  );
}

function run(
  command: 'render' | 'validate' | 'explain',
  files: readonly Documents[],
  options: OfflineOptions,
  format: Format,
): number {
  let faults = withoutPoolers(files);
  const planned: OfflinePlan[] = [];
  for (const { file, pooler } of wantedIn(files)) {
    const result = planOffline(pooler, options);
    const say = (lines: readonly string[]): void => {
      const text = lines.map((line) => `${file}: ${line}\n`).join('');
      (command === 'validate' ? process.stdout : process.stderr).write(text);
    };
    if (result.ok) {
      say(result.plan.warnings.map(formatWarning));
      planned.push(result.plan);
      continue;
    }
    faults += result.faults.length;
    say(result.faults.map(formatFault));
  }
  if (command === 'render') process.stdout.write(planned.map(renderYaml).join('---\n'));
  if (command === 'explain' && planned.length > 0)
    process.stdout.write(printExplanations(planned.map(explain), format));
  return faults === 0 ? 0 : 1;
}

async function explainLive(
  cluster: Cluster,
  namespace: string,
  name: string,
  options: OfflineOptions,
  format: Format,
): Promise<number> {
  const found = await cluster.find(namespace, name);
  if (found === undefined) {
    process.stderr.write(
      `there is no ConnectionPooler ${name} in ${namespace}; name another one, or its namespace with -n\n`,
    );
    return 1;
  }
  const { pooler, deployment } = found;
  const planned = planOffline(pooler, { ...options, namespace, deployment, unknownFields: 'ignore' });
  if (!planned.ok) {
    process.stderr.write(planned.faults.map((fault) => `${name} in the cluster: ${formatFault(fault)}\n`).join(''));
    return 1;
  }
  process.stdout.write(printExplanations([explain(planned.plan)], format));
  return 0;
}

async function plan(
  files: readonly Documents[],
  options: OfflineOptions,
  output: { readonly json: boolean; readonly codes: boolean },
  find: (namespace: string, name: string) => Promise<PlanRequest['present']>,
): Promise<number> {
  let faults = withoutPoolers(files);
  let code = 0;
  const changes = [];
  for (const wanted of wantedIn(files)) {
    const { namespace, name } = nameIn(wanted.pooler, options.namespace);
    const planned = planEdit({ wanted, options, present: await find(namespace, name) });
    if (planned.ok) {
      process.stderr.write(planned.warnings.map((warning) => `${wanted.file}: ${formatWarning(warning)}\n`).join(''));
      changes.push(planned.change);
      code = Math.max(code, exitCodeOf(planned.change));
      continue;
    }
    faults += planned.lines.length;
    process.stderr.write(planned.lines.map((line) => `${line}\n`).join(''));
  }
  const [only] = changes;
  if (output.json && only) process.stdout.write(`${JSON.stringify(changes.length === 1 ? only : changes, null, 2)}\n`);
  else process.stdout.write(changes.map(planText).join('\n'));
  return faults > 0 ? 1 : output.codes ? code : 0;
}

const wantedIn = (files: readonly Documents[]): readonly Wanted[] =>
  files.flatMap(({ file, poolers }) => poolers.map((pooler) => ({ file, pooler })));

function isNamed(other: unknown, otherwise: string, namespace: string, name: string): boolean {
  const found = nameIn(other, otherwise);
  return found.namespace === namespace && found.name === name;
}

/** Says which files are of no use. Secrets may come in a file of their own. @returns how many */
function withoutPoolers(files: readonly Documents[]): number {
  const found = files.some((file) => file.poolers.length > 0);
  const useless = files.filter((file) => file.poolers.length === 0 && !(found && file.secrets.length > 0));
  for (const { file } of useless) process.stderr.write(`${file}: holds no ConnectionPooler; name a file that does\n`);
  return useless.length;
}

function misuse(problem: string): number {
  process.stderr.write(`kubectl pooler: ${problem}\n\n${USAGE}`);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(
    `${error instanceof UnreadableFile ? '' : 'kubectl pooler: '}${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = error instanceof UnreadableFile ? 1 : 2;
}
