/** What the operator's image sets for the process in it, read from the Dockerfile: an operator of a test runs on the same. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const dockerfile = (): Promise<string> => readFile(fileURLToPath(new URL('../../Dockerfile', import.meta.url)), 'utf8');

export async function imageEnvironment(): Promise<Readonly<Record<string, string>>> {
  const lines = (await dockerfile()).matchAll(/^ENV (\w+)=(\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
}

/** What stands between node and the program in the entry point. */
export async function imageNodeFlags(): Promise<readonly string[]> {
  const entry = /^ENTRYPOINT (\[.*\])$/m.exec(await dockerfile())?.[1];
  if (entry === undefined) throw new Error('the Dockerfile has no entry point in the form of a list');
  return (JSON.parse(entry) as readonly string[]).filter((word) => word.startsWith('--'));
}
