/** Bundles the operator and the command line into one file each: half the memory, and an image without node_modules. */
import { mkdir, stat } from 'node:fs/promises';
import { type BuildOptions, build } from 'esbuild';

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  sourcemap: false,
  logLevel: 'warning',
  // pg looks for its native variant, pino for its worker transports; neither is used.
  external: ['pg-native'],
  // Dependencies in CommonJS ask for require.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};

await mkdir('dist', { recursive: true });
for (const [entry, outfile] of [
  ['operator/main.ts', 'dist/operator.js'],
  ['operator/cli/main.ts', 'dist/kubectl-pooler.js'],
] as const) {
  await build({ ...common, entryPoints: [entry], outfile });
  console.log(`${outfile}: ${Math.round((await stat(outfile)).size / 1024)} KiB`);
}
