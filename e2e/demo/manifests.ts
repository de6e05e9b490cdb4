/** What the demo applies beside the product's own sample: a PostgreSQL 18 of 100 connections, and jobs that load it. */

export const PASSWORD = 'change-me';

/** PostgreSQL as a team would have it before pooling: `max_connections = 100`. */
export const postgres = (image: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: postgres}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: postgres}}
  template:
    metadata: {labels: {app: postgres}}
    spec:
      terminationGracePeriodSeconds: 2 # it would wait for its clients, and these are pools that stay
      containers:
        - name: postgres
          image: ${image}
          args: ["-c", "max_connections=100"]
          env:
            - {name: POSTGRES_USER, value: app}
            - {name: POSTGRES_DB, value: app}
            - {name: POSTGRES_PASSWORD, value: ${PASSWORD}}
          readinessProbe:
            exec: {command: [pg_isready, -q, -h, 127.0.0.1, -U, app]}
            periodSeconds: 1
          volumeMounts:
            - {name: data, mountPath: /var/lib/postgresql/data}
            - {name: tmp, mountPath: /tmp}
      volumes:
        - {name: data, emptyDir: {}}
        - {name: tmp, emptyDir: {}}
---
apiVersion: v1
kind: Service
metadata: {name: postgres}
spec:
  selector: {app: postgres}
  ports: [{port: 5432}]
`;

export interface LoadJob {
  readonly name: string;
  readonly image: string;
  readonly program: 'clients' | 'sampler';
  readonly env: Readonly<Record<string, string | number>>;
}

/** A program of the ConfigMap `load`, run once in a pod, under the restricted pod security standard. */
export const loadJob = ({ name, image, program, env }: LoadJob): string => `
apiVersion: batch/v1
kind: Job
metadata: {name: ${name}}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {app: load}}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: load
          image: ${image}
          imagePullPolicy: IfNotPresent
          command: [/nodejs/bin/node, /load/${program}.js]
          env: ${JSON.stringify(Object.entries({ PGPASSWORD: PASSWORD, ...env }).map(([key, value]) => ({ name: key, value: String(value) })))}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}
          volumeMounts: [{name: load, mountPath: /load}]
      volumes: [{name: load, configMap: {name: load}}]
`;
