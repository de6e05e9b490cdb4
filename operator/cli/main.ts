/** kubectl-pooler: what the operator knows, on the command line. */
import { parseArgs } from 'node:util';
import { formatFault } from '../api/fault.ts';
import { formatWarning } from '../api/warning.ts';
import type { TemplateMode } from '../plan/template-merge.ts';
import { DEFAULT_IMAGE } from '../settings.ts';
import { type Documents, readDocuments, UnreadableFile } from './documents.ts';
import { type OfflineOptions, planOffline } from './offline-plan.ts';
import { renderYaml } from './render.ts';

const USAGE = `kubectl pooler: PgBouncer poolers as Poolkeeper runs them

  render   -f FILE [--show-secrets]   print every object, offline
  validate -f FILE                    print a line for each fault and each warning, exit 1 when there is a fault

Options:
  -f, --filename FILE       a YAML file, - for standard input; may be given several times. Secrets found beside a pooler are used
  -n, --namespace NAME      for poolers that do not name theirs (default: default)
      --show-secrets        print passwords instead of masking them
      --default-image IMG   the operator's default image (default: ${DEFAULT_IMAGE})
      --pod-template MODE   restricted (default) or full, as the operator was started
  -h, --help                this text
`;

const OPTIONS = {
  filename: { type: 'string', short: 'f', multiple: true },
  namespace: { type: 'string', short: 'n', default: 'default' },
  'show-secrets': { type: 'boolean', default: false },
  'default-image': { type: 'string', default: DEFAULT_IMAGE },
  'pod-template': { type: 'string', default: 'restricted' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Exit codes: 0 all is well (warnings or not), 1 faults were found, 2 the call itself was wrong. */
async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
    strict: true,
  });
  const [command] = positionals;
  if (values.help || command === undefined) {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    return values.help ? 0 : 2;
  }
  if (command !== 'render' && command !== 'validate') return misuse(`there is no command ${command}`);
  if (values.filename === undefined) return misuse(`${command} needs -f FILE`);
  const mode: TemplateMode | undefined = (['restricted', 'full'] as const).find(
    (name) => name === values['pod-template'],
  );
  if (mode === undefined) return misuse(`--pod-template is restricted or full, not ${values['pod-template']}`);

  const files = await Promise.all(values.filename.map(readDocuments));
  const options: OfflineOptions = {
    namespace: values.namespace,
    defaultImage: values['default-image'],
    templateMode: mode,
    secrets: files.flatMap((file) => file.secrets),
    showSecrets: values['show-secrets'],
  };
  return run(command, files, options);
}

function run(command: 'render' | 'validate', files: readonly Documents[], options: OfflineOptions): number {
  let faults = 0;
  const rendered: string[] = [];
  const found = files.some((file) => file.poolers.length > 0);
  for (const file of files) {
    // Secrets may come in a file of their own.
    if (file.poolers.length === 0 && !(found && file.secrets.length > 0)) {
      process.stderr.write(`${file.file}: holds no ConnectionPooler; name a file that does\n`);
      faults += 1;
    }
    for (const pooler of file.poolers) {
      const planned = planOffline(pooler, options);
      const say = (lines: readonly string[]): void => {
        const text = lines.map((line) => `${file.file}: ${line}\n`).join('');
        (command === 'validate' ? process.stdout : process.stderr).write(text);
      };
      if (planned.ok) {
        say(planned.plan.warnings.map(formatWarning));
        if (command === 'render') rendered.push(renderYaml(planned.plan));
        continue;
      }
      faults += planned.faults.length;
      say(planned.faults.map(formatFault));
    }
  }
  process.stdout.write(rendered.join('---\n'));
  return faults === 0 ? 0 : 1;
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
