/** `sql`: what a database administrator runs so that `auth.query` and `authQuery` work, as SQL or as a Job. */
import { parseArgs } from 'node:util';
import { dump } from 'js-yaml';
import { formatFault } from '../api/fault.ts';
import type { PoolerSpec } from '../api/types.ts';
import { isSocket } from '../plan/backend-host.ts';
import { lookupJob } from '../plan/lookup-job.ts';
import { installLookup, isPlainName, LOOKUP_SCHEMA, lookupQuery, removeLookup } from '../plan/lookup-sql.ts';
import { type Lookup, lookupEntry, lookupsOf } from '../plan/lookups.ts';
import { DEFAULT_IMAGE } from '../settings.ts';
import { readDocuments } from './documents.ts';
import { planOffline } from './offline-plan.ts';

export const SQL_USAGE = `kubectl pooler sql: the function that auth.query or a database's authQuery asks, and the role that may ask it

  sql [--user NAME] [--schema NAME] [--remove]               print SQL for a superuser
  sql --job -f FILE --admin-secret NAME [--remove]           print a Job that runs it where the pooler's query will

Options:
      --user NAME           the role that asks (default: pooler_auth)
      --schema NAME         where the function is (default: pooler)
      --remove              undo it
      --job                 a ConfigMap and a Job instead, for the pooler in FILE
      --admin-secret NAME   a Secret of its namespace with the keys username and password of a superuser
      --database NAME       the entry to install it for: one with an authQuery, or any when auth.query has no database
      --image IMAGE         with sh and psql (default: docker.io/library/postgres:18)
  -f, --filename FILE       a YAML file with the ConnectionPooler, - for standard input
  -n, --namespace NAME      when the pooler does not name its own (default: default)
  -h, --help                this text
`;

const OPTIONS = {
  user: { type: 'string', default: 'pooler_auth' },
  schema: { type: 'string', default: LOOKUP_SCHEMA },
  remove: { type: 'boolean', default: false },
  job: { type: 'boolean', default: false },
  'admin-secret': { type: 'string' },
  database: { type: 'string' },
  image: { type: 'string', default: 'docker.io/library/postgres:18' },
  filename: { type: 'string', short: 'f' },
  namespace: { type: 'string', short: 'n', default: 'default' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @returns the exit code: 0, 1 for faults of the pooler, 2 for a call that is wrong itself */
export async function sql(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true });
  if (values.help) {
    process.stdout.write(SQL_USAGE);
    return 0;
  }
  for (const [option, name] of Object.entries({ user: values.user, schema: values.schema })) {
    if (!isPlainName(name))
      return misuse(`--${option} takes letters, digits and _.-, at most 63, not ${JSON.stringify(name)}`);
  }
  if (values.job) return printJob(values);
  if (values.filename !== undefined || values['admin-secret'] !== undefined)
    return misuse('-f and --admin-secret are for --job');
  process.stdout.write(values.remove ? removal(values) : installation(values));
  return 0;
}

interface Names {
  readonly user: string;
  readonly schema: string;
}

const installation = ({
  user,
  schema,
}: Names): string => `-- For auth.query of a ConnectionPooler, or authQuery of one of its databases: lets ${user} ask for the password of one role.
-- Run it as a superuser in the database that its field database leads to; without that field, in every database (auth.query),
-- in that one (authQuery). Each server with a lookup has the function, and may have a login of its own.
${installLookup({ schema, role: { name: user } })}
-- Then give the role a password, which psql hashes before it is sent, and put it into the Secret of auth.query:
--   \\password ${user}
--   kubectl create secret generic pooler-auth --from-literal=username=${user} --from-literal=password=…
--   spec.auth.query: {userSecretRef: {name: pooler-auth}, database: …${schema === LOOKUP_SCHEMA ? '' : `, sql: '${lookupQuery(schema)}'`}}
`;

const removal = ({ user, schema }: Names): string => `-- Undoes what \`pooler sql\` has installed in this database.
${removeLookup({ schema })}
-- When no database has the function any more:
--   DROP ROLE "${user}";
`;

interface JobOptions {
  readonly 'admin-secret'?: string | undefined;
  readonly filename?: string | undefined;
  readonly database?: string | undefined;
  readonly namespace: string;
  readonly image: string;
  readonly remove: boolean;
  readonly schema: string;
}

async function printJob(options: JobOptions): Promise<number> {
  const { filename, 'admin-secret': adminSecret } = options;
  if (filename === undefined || adminSecret === undefined) return misuse('--job needs -f FILE and --admin-secret NAME');
  if (options.schema !== LOOKUP_SCHEMA) return misuse('--job has the schema pooler; print the SQL for another one');
  const file = await readDocuments(filename);
  const [input, ...more] = file.poolers;
  if (input === undefined || more.length > 0)
    return misuse(`${file.file} holds ${file.poolers.length} ConnectionPoolers, and --job is for one`);
  const planned = planOffline(input, {
    namespace: options.namespace,
    defaultImage: DEFAULT_IMAGE,
    templateMode: 'full',
    secrets: file.secrets,
    showSecrets: false,
  });
  if (!planned.ok) {
    process.stderr.write(planned.faults.map((fault) => `${file.file}: ${formatFault(fault)}\n`).join(''));
    return 1;
  }
  const { pooler, config } = planned.plan;
  const chosen = chooseLookup(pooler.spec, options.database);
  if (typeof chosen === 'string') return misuse(chosen);
  const { lookup, entry } = chosen;
  const find = (name: string) => config.ini.databases.find((database) => database.name === name)?.params;
  const params = find(entry) ?? find('*');
  if (params?.['host'] === undefined) return misuse(`the pooler has no database ${entry}`);
  if (isSocket(params['host']))
    return misuse(`the server of ${entry} is behind a Unix socket of the pooler's pods; print the SQL instead`);
  const objects = lookupJob({
    name: pooler.metadata.name,
    namespace: pooler.metadata.namespace ?? options.namespace,
    remove: options.remove,
    image: options.image,
    adminSecret,
    lookupSecret: lookup.query.userSecretRef.name,
    ...(lookup.owner !== undefined && { database: lookup.owner.name }),
    server: { host: params['host'], port: params['port'] ?? '5432', dbname: params['dbname'] ?? entry },
  });
  process.stdout.write(objects.map((object) => dump(object, { lineWidth: -1, noRefs: true })).join('---\n'));
  return 0;
}

/** Whose function and login it is, and the entry that leads to where they belong; or what is wrong with the call. */
function chooseLookup(
  spec: PoolerSpec,
  named: string | undefined,
): { readonly lookup: Lookup; readonly entry: string } | string {
  const lookups = lookupsOf(spec);
  const common = lookups.find(({ owner }) => owner === undefined);
  const own = lookups.filter(({ owner }) => owner !== undefined);
  const ofNamed = own.find(({ owner }) => owner?.name === named);
  const lookup = ofNamed ?? common ?? (named === undefined && own.length === 1 ? own[0] : undefined);
  if (lookup === undefined)
    return own.length === 0
      ? 'the pooler has no auth.query; add it with userSecretRef and database'
      : `each of ${own.map(({ owner }) => owner?.name).join(', ')} has an authQuery; name one with --database`;
  const runsIn = lookupEntry(spec, lookup)?.name;
  const entry = lookup.owner === undefined ? (named ?? runsIn) : (runsIn ?? lookup.owner.name);
  return entry === undefined ? 'auth.query has no database; name the entry with --database' : { lookup, entry };
}

function misuse(problem: string): number {
  process.stderr.write(`kubectl pooler: ${problem}\n\n${SQL_USAGE}`);
  return 2;
}
