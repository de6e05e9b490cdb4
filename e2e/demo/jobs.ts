/** Runs load programs as Jobs in the cluster, through the Service as every application would. */
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { operatorImage } from '../cluster/images.ts';
import { type LoadJob, loadJob } from './manifests.ts';
import type { Target } from './target.ts';

/** Puts the bundled programs into the ConfigMap `load`. */
export async function installLoadPrograms(target: Target, namespace: string): Promise<void> {
  const data: Record<string, string> = {};
  for (const program of ['clients', 'sampler']) {
    const bundled = await build({
      entryPoints: [`e2e/demo/${program}.ts`],
      bundle: true,
      write: false,
      minify: true,
      platform: 'node',
      target: 'node24',
      format: 'esm',
      external: ['pg-native'],
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
    });
    // A ConfigMap has no package.json that says so: the ending does.
    data[`${program}.js`] = bundled.outputFiles[0]?.text ?? '';
  }
  data['package.json'] = '{"type": "module"}';
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'load' }, data };
  await target.kubectl(['-n', namespace, 'apply', '--server-side', '-f', '-'], { input: JSON.stringify(object) });
}

export interface Running {
  /** The result that the program printed last. @throws Error with its log when it failed */
  readonly result: <T>() => Promise<T>;
}

export async function startJob(
  target: Target,
  namespace: string,
  job: Omit<LoadJob, 'image'>,
  report: (line: string) => void,
): Promise<Running> {
  const kubectl = (...args: readonly string[]): Promise<string> => target.kubectl(['-n', namespace, ...args]);
  await kubectl('delete', 'job', job.name, '--ignore-not-found', '--wait=true');
  await target.kubectl(['-n', namespace, 'apply', '-f', '-'], { input: loadJob({ ...job, image: operatorImage }) });
  return {
    result: async <T>() => {
      for (;;) {
        const status = await kubectl('get', 'job', job.name, '-o', 'jsonpath={.status.succeeded}/{.status.failed}');
        const log = await kubectl('logs', `job/${job.name}`, '--tail=1').catch(() => '');
        if (status === '1/') return JSON.parse(log) as T;
        if (status.endsWith('/1'))
          throw new Error(`the job ${job.name} failed:\n${await kubectl('logs', `job/${job.name}`, '--tail=20')}`);
        if (log !== '' && !log.startsWith('{')) report(log);
        await sleep(2_000);
      }
    },
  };
}
