/**
 * A Job that runs the SQL of the lookup as an administrator, for those who would rather apply than log in. Nobody's
 * password stands in it, in an argument or in what the server is sent: `\password` makes the verifier in the pod.
 */
import { createHash } from 'node:crypto';
import { dnsLabel } from '../api/schema/shapes.ts';
import type { SecretKeyRef } from '../api/types.ts';
import { installLookup, LOOKUP_SCHEMA, removeLookup } from './lookup-sql.ts';
import { RESTRICTED } from './restricted.ts';

export interface LookupJob {
  /** The pooler's. */
  readonly name: string;
  readonly namespace: string;
  readonly remove: boolean;
  readonly image: string;
  /** A Secret with the keys `username` and `password` of a superuser. */
  readonly adminSecret: string;
  /** The database whose `authQuery` it is; absent: that of `auth.query`. */
  readonly database?: string;
  /** The Secret of the lookup's `userSecretRef`. */
  readonly lookupSecret: string;
  readonly server: { readonly host: string; readonly port: string; readonly dbname: string };
}

const FILE = 'lookup.sql';
const NOBODY = 65_532;
/** Its pods carry it as a label. */
const MAX_JOB_NAME = 63;

/** A ConfigMap with the SQL, and the Job. */
export function lookupJob(job: LookupJob): readonly object[] {
  const name = jobName(job);
  const metadata = {
    name,
    namespace: job.namespace,
    labels: { 'app.kubernetes.io/name': 'pgbouncer-lookup', 'app.kubernetes.io/instance': job.name },
  };
  const { server, lookupSecret } = job;
  const sql = job.remove
    ? removeLookup({ schema: LOOKUP_SCHEMA })
    : `${installLookup({ schema: LOOKUP_SCHEMA, role: 'variable' })}\\password :"lookup_user"\n`;
  const run = `exec psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=lookup_user="$LOOKUP_USER" --file=/sql/${FILE}`;
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [FILE]: sql } },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata,
      spec: {
        backoffLimit: 3,
        activeDeadlineSeconds: 300,
        ttlSecondsAfterFinished: 86_400,
        template: {
          metadata: { labels: metadata.labels },
          spec: {
            restartPolicy: 'Never',
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            securityContext: { runAsNonRoot: true, runAsUser: NOBODY, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [
              {
                name: 'psql',
                image: job.image,
                // It asks for the password twice, and takes the answers from its input where there is no terminal.
                command: [
                  'sh',
                  '-c',
                  job.remove
                    ? run
                    : `printf '%s\\n%s\\n' "$LOOKUP_PASSWORD" "$LOOKUP_PASSWORD" | ${run.replace('exec ', '')}`,
                ],
                env: [
                  { name: 'PGHOST', value: server.host },
                  { name: 'PGPORT', value: server.port },
                  { name: 'PGDATABASE', value: server.dbname },
                  { name: 'PGCONNECT_TIMEOUT', value: '10' },
                  fromSecret('PGUSER', { name: job.adminSecret, key: 'username' }),
                  fromSecret('PGPASSWORD', { name: job.adminSecret, key: 'password' }),
                  fromSecret('LOOKUP_USER', { name: lookupSecret, key: 'username' }),
                  ...(job.remove ? [] : [fromSecret('LOOKUP_PASSWORD', { name: lookupSecret, key: 'password' })]),
                ],
                securityContext: RESTRICTED,
                resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
                volumeMounts: [{ name: 'sql', mountPath: '/sql', readOnly: true }],
              },
            ],
            volumes: [{ name: 'sql', configMap: { name } }],
          },
        },
      },
    },
  ];
}

/** Of one database: by its name where that can stand in one, else by a hash of it. */
function jobName({ name, database, remove }: LookupJob): string {
  const all = `${name}-lookup-${remove ? 'remove' : 'install'}`;
  if (database === undefined) return all;
  const own = `${all}-${database}`;
  const isName = new RegExp(dnsLabel).test(own) && own.length <= MAX_JOB_NAME;
  return isName ? own : `${all}-${createHash('sha256').update(database).digest('hex').slice(0, 8)}`;
}

const fromSecret = (name: string, secretKeyRef: SecretKeyRef): object => ({ name, valueFrom: { secretKeyRef } });
