// npm run cluster: the embedded cluster from the command line.
import { buildProgram } from './build.ts';
import { type Cluster, connect, defaultImages, down, status, up } from './cluster.ts';
import { helmEnvironment } from './helm.ts';
import { imageReferences } from './images.ts';
import { say } from './progress.ts';
import { runAttached } from './run.ts';

const usage = `usage: npm run cluster -- COMMAND
  up [IMAGE...]     start the embedded cluster (or repair it) and load images: all, or some of
                    ${imageReferences.join('\n                    ')}
  load IMAGE...     build the images anew where their sources changed, and give them to the node
  status            what runs; exits with 1 when something does not
  down              remove the cluster and everything it left on the machine (not the cache)
  kubectl ARGS...   kubectl on it (npm run -s cluster -- kubectl get pods -A)
  helm ARGS...      Helm on it
  exec COMMAND...   any program inside its network namespace, KUBECONFIG set`;

async function main([command, ...args]: readonly string[]): Promise<number> {
  switch (command) {
    case 'up': {
      await up({ images: named(args, defaultImages) });
      say('the cluster is up. Look around: npm run -s cluster -- kubectl get pods -A');
      say('                   Remove it:   npm run cluster -- down');
      return 0;
    }
    case 'load': {
      const cluster = await connect();
      for (const image of named(args, [])) await cluster.loadImage(image);
      return 0;
    }
    case 'down': {
      await down();
      say('the cluster is gone');
      return 0;
    }
    case 'status': {
      const parts = await status();
      for (const { name, pid } of parts)
        console.log(`${name.padEnd(24)} ${pid === undefined ? 'not running' : `running, process ${pid}`}`);
      return parts.every((part) => part.pid !== undefined) ? 0 : 1;
    }
    case 'kubectl': {
      const cluster = await connect();
      return inside(cluster, cluster.kubernetes, ['kubectl', ...args]);
    }
    case 'helm':
      return inside(await connect(), await buildProgram('helm'), args);
    case 'exec': {
      const [program, ...rest] = args;
      if (program === undefined) break;
      return inside(await connect(), program, rest);
    }
  }
  console.error(usage);
  return 2;
}

function inside(cluster: Cluster, program: string, args: readonly string[]): Promise<number> {
  return runAttached(...cluster.enter(program, args), { KUBECONFIG: cluster.kubeconfig, ...helmEnvironment() });
}

function named(args: readonly string[], otherwise: readonly string[]): readonly string[] {
  if (args.length === 0) return otherwise;
  return args.includes('all') ? imageReferences : args;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
