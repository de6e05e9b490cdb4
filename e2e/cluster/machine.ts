// What the embedded cluster needs from the machine, and how it gets there: on Debian, as root, missing packages are
// installed; anywhere else the message names them.
import { access, constants } from 'node:fs/promises';
import { withLock } from './lock.ts';
import { cacheDirectory } from './paths.ts';
import { step } from './progress.ts';
import { run } from './run.ts';

/** A file that must be there, and the Debian package that brings it. */
interface Need {
  readonly program: string;
  readonly package: string;
}

/** For images and root filesystems. */
export const imageTools: readonly Need[] = [
  { program: 'buildah', package: 'buildah' },
  { program: 'mmdebstrap', package: 'mmdebstrap' },
  { program: '/etc/containers/policy.json', package: 'golang-github-containers-common' },
  { program: '/usr/share/keyrings/debian-archive-keyring.gpg', package: 'debian-archive-keyring' },
];

/** For a control plane alone. */
export const controlPlaneTools: readonly Need[] = [
  { program: 'openssl', package: 'openssl' },
  { program: 'flock', package: 'util-linux' },
];

/** For a node. */
export const nodeTools: readonly Need[] = [
  { program: 'containerd', package: 'containerd' },
  { program: 'runc', package: 'runc' },
  { program: '/usr/lib/cni/bridge', package: 'containernetworking-plugins' },
  { program: 'iptables', package: 'iptables' },
  { program: 'conntrack', package: 'conntrack' },
  { program: 'ipset', package: 'ipset' },
  { program: 'ethtool', package: 'ethtool' },
  { program: 'socat', package: 'socat' },
  { program: 'ip', package: 'iproute2' },
  { program: 'mount', package: 'mount' },
  { program: 'nsenter', package: 'util-linux' },
];

/** Makes sure that all of `needs` are there. Throws with the names of what is missing when it cannot install them. */
export async function ensureInstalled(needs: readonly Need[]): Promise<void> {
  if ((await missing(needs)).length === 0) return;
  await withLock(cacheDirectory('locks', 'apt'), async () => {
    const packages = [...new Set((await missing(needs)).map((need) => need.package))];
    if (packages.length === 0) return;
    const command = `apt-get install ${packages.join(' ')}`;
    if (!(await isThere('apt-get'))) {
      throw new Error(`missing programs; on Debian they come with "${command}". Install them, then run this again.`);
    }
    requireRoot(`missing packages: run "sudo ${command}"`);
    await step(`installing Debian packages: ${packages.join(', ')}`, async () => {
      // RUNLEVEL=1: the packages' own services (containerd's) stay off, the cluster starts its own.
      const environment = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
      await aptGet(['update', '--quiet'], environment);
      await aptGet(['install', '--quiet', '--yes', '--no-install-recommends', ...packages], environment);
    });
  });
}

/**
 * Under a lock that apt-get itself holds: one whose start was killed goes on without it, and the next waits for its
 * end, and for dpkg to finish what it left half done.
 */
async function aptGet(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<void> {
  const locked = ['--exclusive', cacheDirectory('locks', 'apt-get')];
  await run('flock', [...locked, 'dpkg', '--configure', '-a'], { environment });
  await run('flock', [...locked, 'apt-get', ...args], { environment });
}

/** Throws with the way out unless this process runs as root. */
export function requireRoot(wayOut: string): void {
  if (process.getuid?.() !== 0) throw new Error(`this needs root: ${wayOut}`);
}

async function missing(needs: readonly Need[]): Promise<readonly Need[]> {
  const there = await Promise.all(needs.map((need) => isThere(need.program)));
  return needs.filter((_, index) => there[index] === false);
}

async function isThere(program: string): Promise<boolean> {
  const places = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const candidates = program.startsWith('/') ? [program] : places.map((place) => `${place}/${program}`);
  const mode = program.startsWith('/etc') || program.startsWith('/usr/share') ? constants.R_OK : constants.X_OK;
  const found = await Promise.all(candidates.map((path) => access(path, mode).then(() => true, () => false))); // biome-ignore format: one thought
  return found.includes(true);
}
