import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Daemon, readDaemon, startDaemon, waitFor } from './processes.ts';

describe('a daemon', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'processes-'));
  });
  after(() => rm(directory, { recursive: true }));

  const sh = (name: string, script: string, more: Partial<Daemon['spec']> = {}): Promise<Daemon> =>
    startDaemon({ name, directory, command: 'sh', args: ['-c', script], ...more });
  const state = async (pid: number): Promise<string | undefined> =>
    /^State:\s+(\w)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];

  test('is found again by a process that only knows its directory and name, and ended by it', async () => {
    const daemon = await sh('found', 'sleep 60');
    const found = await readDaemon(directory, 'found');
    assert.equal(found?.pid(), daemon.pid());
    await found?.stop();
    assert.equal(daemon.alive(), false);
    assert.equal((await readDaemon(directory, 'found'))?.alive(), false);
    assert.equal(await readDaemon(directory, 'never started'), undefined);
  });

  test('that ignores SIGTERM is killed after its grace', async () => {
    const daemon = await sh('stubborn', 'trap "" TERM; echo ready; while :; do sleep 0.05; done');
    await waitFor('the trap', async () => (await readFile(daemon.logFile, 'utf8')).includes('ready'));
    await daemon.stop(100);
    assert.equal(daemon.alive(), false);
  });

  test('keeps its process while it is paused, and can be stopped while paused', async () => {
    const daemon = await sh('paused', 'exec sleep 60');
    daemon.pause();
    await waitFor('the pause', async () => (await state(daemon.pid())) === 'T');
    assert.equal(daemon.alive(), true);
    daemon.resume();
    await waitFor('the resumption', async () => (await state(daemon.pid())) === 'S');
    daemon.pause();
    await daemon.stop(2000);
    assert.equal(daemon.alive(), false);
  });

  test('restarts as another process with the same command, its log continued', async () => {
    const daemon = await sh('restarted', 'echo started; sleep 60');
    const first = daemon.pid();
    const starts = async (): Promise<number> => (await readFile(daemon.logFile, 'utf8')).split('started').length - 1;
    await waitFor('a start in the log', async () => (await starts()) === 1);
    await daemon.restart();
    assert.notEqual(daemon.pid(), first);
    await waitFor('two starts in the log', async () => (await starts()) === 2);
    assert.equal((await readDaemon(directory, 'restarted'))?.pid(), daemon.pid());
    await daemon.kill();
  });

  test('is not mistaken for a later process that was given the same id', async () => {
    const stranger = spawn('sleep', ['60']);
    try {
      const record = { spec: { name: 'reused', directory, command: 'x', args: [] }, pid: stranger.pid, startTime: '1' };
      await writeFile(join(directory, 'reused.process.json'), JSON.stringify(record));
      const daemon = await readDaemon(directory, 'reused');
      assert.equal(daemon?.alive(), false);
      await daemon?.kill();
      assert.equal(stranger.exitCode ?? stranger.signalCode, null);
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('behind a waiting parent is the one that is signalled', async () => {
    const daemon = await sh('behind', 'sleep 60 & wait', { signalsChild: true });
    await waitFor('the child', async () => (await readFile(`/proc/${daemon.pid()}/comm`, 'utf8')).trim() === 'sleep');
    await daemon.stop(2000);
    assert.equal(daemon.alive(), false);
  });

  test('ends with the process that started it, when that was asked for', async () => {
    const script = `
      const { startDaemon } = await import(${JSON.stringify(new URL('./processes.ts', import.meta.url).href)});
      const spec = { name: 'tied', directory: ${JSON.stringify(directory)}, command: 'sleep', args: ['60'], endsWithParent: true };
      const daemon = await startDaemon(spec);
      console.log(daemon.pid());
      process.kill(process.pid, 'SIGKILL');`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
    await new Promise((resolve) => parent.once('close', resolve));
    const daemon = await readDaemon(directory, 'tied');
    assert.ok(daemon);
    await waitFor('the daemon to end', () => !daemon.alive(), { timeoutMs: 5000 });
  });

  test('that cannot be started says which and with what', async () => {
    await assert.rejects(
      startDaemon({ name: 'absent', directory, command: '/nowhere/absent', args: [] }),
      /cannot start absent \(\/nowhere\/absent\)/,
    );
  });
});

test('waiting for a daemon that has ended fails at once, with the end of its log', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'processes-'));
  const daemon = await startDaemon({
    name: 'doomed',
    directory,
    command: 'sh',
    args: ['-c', 'echo out of luck; exit 1'],
  });
  await assert.rejects(
    waitFor('the impossible', () => false, { daemon, timeoutMs: 60_000 }),
    /doomed ended before: the impossible\nout of luck/,
  );
  await rm(directory, { recursive: true });
});

test('waiting for what does not come names it and the time', async () => {
  await assert.rejects(
    waitFor('rain', () => false, { timeoutMs: 50, everyMs: 10 }),
    /waited 0.05 s for: rain/,
  );
});
