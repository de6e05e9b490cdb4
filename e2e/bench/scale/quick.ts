/** What of the scale bench does not depend on how fast a machine is, with a few poolers: counts of calls. Prints JSON. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { mergePatch } from '../../../operator/kube/operations.ts';
import { SECRETS } from '../../../operator/kube/resources.ts';
import { isRead } from '../../cluster/audit.ts';
import { run } from '../../cluster/run.ts';
import { note } from '../../demo/output.ts';
import { callsOf, countByKind, doneAt, isWrite } from './calls.ts';
import { createAll, deleteServices, oneCreate, oneScale, oneSetting, REST_SECONDS } from './measure.ts';
import { nameOf, namespaceOf, SECRET } from './poolers.ts';
import { createWorld, type World } from './world.ts';

export interface QuickReport {
  /** Calls a pooler while so many were created beside those that were there. */
  readonly creations: readonly { readonly poolers: number; readonly writesEach: number; readonly readsEach: number }[];
  readonly writesFor: { readonly create: number; readonly scale: number; readonly setting: number };
  readonly servicesBack: number;
  readonly sharedSecret: {
    readonly sharedBy: number;
    readonly writesAfterMetadata: number;
    /** Poolers whose configuration was written after a new password. */
    readonly written: readonly string[];
    /** Those that share it, and the two that were changed and made meanwhile. */
    readonly expected: readonly string[];
  };
  /** The operator asked for nothing for so long, lease and renewed watches aside. */
  readonly quietSeconds: number;
  readonly restart: { readonly writes: Readonly<Record<string, number>>; readonly reads: number };
}

const FEW = 15;
const MORE = 35;
const SERVICES_DELETED = 10;

export async function quick(directory: string): Promise<QuickReport> {
  const world = await createWorld(directory, 'first-password');
  let operator = await world.startOperator();
  try {
    const creations = [];
    for (const [from, poolers] of [
      [0, FEW],
      [FEW, MORE],
    ] as const) {
      const { writes, reads } = await createAll(world, operator, poolers, from);
      creations.push({ poolers, writesEach: writes / poolers, readsEach: reads / poolers });
      note(`${poolers} poolers: ${writes} writes, ${reads} reads`);
    }
    await quiet(world, 3);
    const writesAfterMetadata = await touchSecret(world);

    // All at once, told apart by their names.
    const [made, scaled, set] = [FEW + MORE, 1, 2];
    const changed = Date.now();
    await Promise.all([
      oneCreate(world, made),
      oneScale(world, scaled),
      oneSetting(world, set, 333),
      deleteServices(world, SERVICES_DELETED),
      changePassword(world),
    ]);
    // Entries of the pods that changed go back to rest.
    await quiet(world, REST_SECONDS);
    const writes = (await callsOf(world, changed)).filter(isWrite);
    const writesFor = (index: number): number =>
      writes.filter(({ objectRef }) => objectRef?.name?.startsWith(nameOf(index)) && objectRef.resource !== 'services')
        .length;
    const configurations = writes.filter(
      ({ objectRef }) => objectRef?.resource === 'secrets' && objectRef.name?.includes('-config-'),
    );
    const written = configurations.map(({ objectRef }) => objectRef?.name?.replace(/-config-.*/, '') ?? '');
    const sharing = sharingOf(world).map(({ metadata }) => metadata.name);

    await operator.stop();
    const restartedAt = Date.now();
    operator = await world.startOperator();
    // All consoles are looked at, and all processes proved once more.
    await quiet(world, 4);
    const calls = await callsOf(world, restartedAt);
    return {
      creations,
      writesFor: { create: writesFor(made), scale: writesFor(scaled), setting: writesFor(set) },
      servicesBack: SERVICES_DELETED,
      sharedSecret: {
        writesAfterMetadata,
        sharedBy: sharing.length,
        written: [...new Set(written)].sort(),
        expected: [...new Set([...sharing, nameOf(set), nameOf(made)])].sort(),
      },
      quietSeconds: REST_SECONDS,
      restart: { writes: countByKind(calls.filter(isWrite)), reads: calls.filter(isRead).length },
    };
  } finally {
    await operator.kill();
    await world.stop();
  }
}

/** One password Secret is that of every pooler of its namespace. */
const sharingOf = (world: World) =>
  world.poolers.list().filter(({ metadata }) => metadata.namespace === namespaceOf(0));
const editSecret = (world: World, patch: object): Promise<unknown> =>
  mergePatch(world.client, SECRETS, namespaceOf(0), SECRET, patch);

/** @returns how many writes follow edits that change no password */
async function touchSecret(world: World): Promise<number> {
  const edited = Date.now();
  await editSecret(world, { metadata: { annotations: { touched: 'yes' } } });
  await editSecret(world, { stringData: { unused: 'y' } });
  await quiet(world, 3);
  return (await callsOf(world, edited)).filter(isWrite).length;
}

/** Resolves when each that shares it runs on the new one. */
async function changePassword(world: World): Promise<void> {
  const sharing = sharingOf(world);
  const before = new Map(sharing.map(({ metadata, status }) => [metadata.name, status?.config?.revision]));
  await editSecret(world, { stringData: { password: 'second-password' } });
  await world.until('the new password', performance.now(), () =>
    sharing.every(({ metadata: { namespace, name } }) => {
      const revision = world.poolers.get(`${namespace}/${name}`)?.status?.config?.revision;
      return revision !== undefined && revision !== before.get(name);
    }),
  );
}

const LIMIT_MS = 120_000;

/** Resolves when the operator has asked for nothing for so long, lease and renewed watches aside. */
async function quiet(world: World, seconds: number): Promise<void> {
  const from = Date.now();
  for (;;) {
    const last = (await callsOf(world, from)).at(-1);
    if (Date.now() - (last === undefined ? from : doneAt(last)) > seconds * 1000) return;
    if (Date.now() - from > LIMIT_MS)
      throw new Error(`it does not rest: ${JSON.stringify(countByKind(await callsOf(world, Date.now() - 30_000)))}`);
    await sleep(200);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { directory: { type: 'string', default: '' } } });
  await run('ip', ['-batch', '-'], { input: 'link set lo up\nroute add local 10.128.0.0/12 dev lo\n' });
  console.log(JSON.stringify(await quick(values.directory)));
  process.exit(0);
}
