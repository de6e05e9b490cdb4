import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { linesOf } from './lines.ts';
import { type RealApi, startRealApi } from './testing/real-api.ts';

const CANDIDATE = fileURLToPath(new URL('./testing/candidate.ts', import.meta.url));

interface Candidate {
  readonly identity: string;
  readonly process: ChildProcess;
  /** What it said, and when that was heard. */
  readonly lines: readonly { readonly text: string; readonly at: number }[];
  says(text: string, withinMs?: number): Promise<number>;
}

let api: RealApi;
before(async () => {
  // Its own: a test stops it.
  api = await startRealApi({});
});
after(() => api.stop());
function start(namespace: string, identity: string): Candidate {
  const child = spawn(process.execPath, [CANDIDATE, api.kubeconfig, namespace, identity], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: { text: string; at: number }[] = [];
  const reading = (async () => {
    for await (const text of linesOf(child.stdout)) lines.push({ text, at: Date.now() });
  })();
  const candidate: Candidate = {
    identity,
    process: child,
    lines,
    says: async (text, withinMs = 20_000) => {
      const deadline = Date.now() + withinMs;
      for (;;) {
        const line = lines.find((heard) => heard.text === text);
        if (line !== undefined) return line.at;
        assert.ok(Date.now() < deadline, `${identity} does not say ${text}`);
        await sleep(10);
      }
    },
  };
  reading.catch(() => undefined);
  return candidate;
}

/** Runs a test with two processes, of which the first leads and the second knows it. */
async function withTwo(test: (leader: Candidate, standby: Candidate) => Promise<void>): Promise<void> {
  const namespace = await api.namespace();
  const started: Candidate[] = [];
  const begin = async (identity: string, until: string): Promise<Candidate> => {
    const candidate = start(namespace, identity);
    started.push(candidate);
    await candidate.says(until);
    return candidate;
  };
  try {
    const leader = await begin('first', 'leading');
    const standby = await begin('second', 'waiting');
    // It must have looked at the lease, which counts for it from then on.
    await sleep(1_000);
    await test(leader, standby);
  } finally {
    for (const { process: child } of started) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  }
}

interface Write {
  readonly begun: number;
  /** What the server counted it as: the order in which things were really done. */
  readonly version: number;
}

const writesOf = ({ lines }: Candidate): readonly Write[] =>
  lines
    .filter(({ text }) => text.startsWith('write '))
    .map(({ text }) => {
      const [, begun = '', version = ''] = text.split(' ');
      return { begun: Number(begun), version: Number(version) };
    });

/** The server did no write of one after the first of the other. */
function assertNeverTwo(first: Candidate, second: Candidate): void {
  const [earlier, later] = [writesOf(first), writesOf(second)];
  assert.ok(earlier.length > 0 && later.length > 0, 'both have written');
  const last = Math.max(...earlier.map(({ version }) => version));
  const next = Math.min(...later.map(({ version }) => version));
  assert.ok(last < next, `the first wrote ${last}, the second ${next}`);
}

describe('two processes and one lease', () => {
  it('change over within 2 s when the leader ends in good order', () =>
    withTwo(async (leader, standby) => {
      const told = Date.now();
      leader.process.kill('SIGTERM');
      const took = (await standby.says('leading')) - told;
      assert.ok(took <= 2_000, `${took} ms`);
      await sleep(300);
      assertNeverTwo(leader, standby);
    }));

  describe('side by side, since they wait most of the time,', { concurrency: 3 }, () => {
    it('change over within 15 s when the leader is killed', () =>
      withTwo(async (leader, standby) => {
        const killed = Date.now();
        leader.process.kill('SIGKILL');
        const took = (await standby.says('leading')) - killed;
        assert.ok(took <= 15_000, `${took} ms`);
        await sleep(300);
        assertNeverTwo(leader, standby);
      }));

    it('never both write when the leader stood still for longer than its lease, and woke up', () =>
      withTwo(async (leader, standby) => {
        leader.process.kill('SIGSTOP');
        await standby.says('leading');
        await sleep(1_000);
        leader.process.kill('SIGCONT');
        await leader.says('lost', 10_000);
        await leader.says('released');
        assert.equal(await new Promise((resolve) => leader.process.once('exit', resolve)), 1);
        assertNeverTwo(leader, standby);
      }));

    it('a leader that stood still for less than its lease goes on', () =>
      withTwo(async (leader, standby) => {
        leader.process.kill('SIGSTOP');
        await sleep(4_000);
        leader.process.kill('SIGCONT');
        const woken = Date.now();
        await sleep(4_000);
        assert.ok(writesOf(leader).some(({ begun }) => begun > woken));
        assert.equal(writesOf(standby).length, 0);
      }));
  });

  it('stop writing while the API server is away, and one leads when it is back', () =>
    withTwo(async (leader, standby) => {
      const apiServer = api.controlPlane?.apiServer;
      apiServer?.pause();
      const paused = Date.now();
      const lost = (await leader.says('lost')) - paused;
      assert.ok(lost <= 9_500, `lost after ${lost} ms`);
      await sleep(5_000);
      apiServer?.resume();
      await standby.says('leading');
      await sleep(300);
      const begun = Math.max(...writesOf(leader).map((write) => write.begun));
      assert.ok(begun - paused <= 7_000, `began a write ${begun - paused} ms after the API server was gone`);
    }));
});
