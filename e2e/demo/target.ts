/** The cluster a demo or a bench runs on: the context that is named, else the embedded one, built and started. */
import { buildProgram } from '../cluster/build.ts';
import { connect, down, up } from '../cluster/cluster.ts';
import { helmEnvironment } from '../cluster/helm.ts';
import { makeImage, operatorImage } from '../cluster/images.ts';
import { CommandFailed, isNotFound, type RunOptions, run } from '../cluster/run.ts';

export interface Target {
  readonly name: string;
  /** Not made by this project: what is there belongs to somebody. */
  readonly foreign: boolean;
  /** The image of PostgreSQL 18 there. */
  readonly postgresImage: string;
  /** More arguments for the operator's release. */
  readonly operatorValues: readonly string[];
  /** How a user calls kubectl on it. */
  readonly kubectlCommand: string;
  readonly kubectl: (args: readonly string[], options?: RunOptions) => Promise<string>;
  readonly helm: (args: readonly string[]) => Promise<string>;
  /** Removes the cluster, if this made it. */
  readonly remove: () => Promise<void>;
}

/** @param context of the user's kubeconfig; undefined for the embedded cluster */
export async function openTarget(context: string | undefined, images: readonly string[]): Promise<Target> {
  return context === undefined ? embedded(images) : named(context);
}

async function embedded(images: readonly string[]): Promise<Target> {
  const wasUp = await connect().then(
    () => true,
    () => false,
  );
  await up({ images });
  const cluster = await connect();
  await cluster.loadImage(operatorImage);
  const { id } = await makeImage(operatorImage);
  const helmProgram = await buildProgram('helm');
  return {
    name: 'the embedded cluster',
    foreign: false,
    postgresImage: 'localhost/postgres:18',
    // The tag does not change with the content: a pod of another image is replaced by this.
    operatorValues: ['--set-string', `podAnnotations.image=${id}`],
    kubectlCommand: 'npm run -s cluster -- kubectl',
    kubectl: (args, options) => cluster.kubectl(args, options),
    helm: (args) => cluster.exec(helmProgram, args, { environment: helmEnvironment() }),
    remove: wasUp ? async () => undefined : down,
  };
}

async function named(context: string): Promise<Target> {
  const tool =
    (program: string, flag: string) =>
    (args: readonly string[], options: RunOptions = {}): Promise<string> =>
      run(program, [flag, context, ...args], options);
  const kubectl = tool('kubectl', '--context');
  const helm = tool('helm', '--kube-context');
  for (const [program, check] of [
    ['kubectl', () => kubectl(['version'])],
    ['helm', () => helm(['version'])],
  ] as const) {
    await check().catch((error: unknown) => {
      if (isNotFound(error))
        throw new Error(`${program} is not on PATH; install it, or leave out --context to use the embedded cluster`);
      throw error instanceof CommandFailed
        ? new Error(`context ${context} does not answer: ${error.output.trim()}`)
        : error;
    });
  }
  return {
    name: `the cluster of context ${context}`,
    foreign: true,
    postgresImage: 'docker.io/library/postgres:18',
    operatorValues: [],
    kubectlCommand: `kubectl --context ${context}`,
    kubectl,
    helm,
    remove: async () => undefined,
  };
}
