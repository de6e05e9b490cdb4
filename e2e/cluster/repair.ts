// Brings a cluster's dead daemons back, in the order in which they need each other. A daemon that starts before what it
// needs answers ends again, some only seconds later: so each is waited for, and all are looked at again afterwards.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Daemon, waitFor } from './processes.ts';
import { say } from './progress.ts';

/** One daemon, and what the ones after it wait for. */
export interface Part {
  readonly daemon: Daemon;
  readonly answers?: () => Promise<boolean>;
}

/** Whether all parts run and answer, after restarting those that had ended. */
export async function repair(parts: readonly Part[]): Promise<boolean> {
  for (let round = 0; round < 4; round++) {
    const dead = parts.filter(({ daemon }) => !daemon.alive());
    if (round > 0 && dead.length === 0) return true;
    try {
      for (const part of parts) await revive(part);
      if (dead.length === 0) return true;
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
    await sleep(1000);
  }
  return false;
}

async function revive({ daemon, answers }: Part): Promise<void> {
  if (!daemon.alive()) {
    say(`${daemon.spec.name} is not running: starting it again`);
    await daemon.restart();
  }
  if (answers) await waitFor(`${daemon.spec.name} to answer`, answers, { daemon, timeoutMs: 30_000 });
}
