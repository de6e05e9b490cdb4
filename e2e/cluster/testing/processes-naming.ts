// Finds what a test's daemons left running: they all name the test's own directory in their command line.
import { readdir, readFile } from 'node:fs/promises';

/** Command lines of the living processes that name `text`; not this process's own. */
export async function processesNaming(text: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid);
  // An ended process that nobody has waited for yet has an empty command line.
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(text)).map((line) => line.replaceAll('\0', ' '));
}
