// One question to the file system, asked everywhere here.
import { access } from 'node:fs/promises';

/** Whether there is something at `path` that this process may see. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
