import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Session } from '../console/session.ts';
import { podOf } from '../rules/testing/situation.ts';
import { createManualClock, type ManualClock } from '../runtime/manual-clock.ts';
import type { ChangeInput, ChangeResult } from './change.ts';
import type { ChangeSteps } from './change-acts.ts';
import { changeInTurn } from './change-in-turn.ts';
import { createPace } from './pace.ts';

const input: ChangeInput = {
  config: {
    revision: 'r2',
    ini: { databases: [], users: [], pgbouncer: [] },
    proofPassword: 'x',
    proofVerifier: 'x',
    files: {},
    settings: [],
    entries: { databases: [], users: [] },
    restartOnly: {},
  },
  version: { major: 1, minor: 26, patch: 1 },
  previous: 'r1',
  pods: [podOf('app-a')],
  deaths: 0,
};

/** Consoles that answer, of processes that were started on the pointer: the change ends before it does anything. */
function answering(): { readonly steps: ChangeSteps; readonly opened: Session[]; readonly isOpen: () => number } {
  const opened: Session[] = [];
  const open = async (): Promise<Session> => {
    let closed = false;
    const session: Session = {
      show: async () => [{ key: 'conffile', value: '/etc/pgbouncer/proved.ini' }],
      reload: () => assert.fail('nothing is reloaded'),
      command: () => assert.fail('nothing is commanded'),
      close: async () => {
        closed = true;
      },
      get closed() {
        return closed;
      },
      fingerprint: undefined,
    };
    opened.push(session);
    return session;
  };
  return { steps: stepsWith(open), opened, isOpen: () => opened.filter(({ closed }) => !closed).length };
}

const stepsWith = (openSession: ChangeSteps['openSession']): ChangeSteps => ({
  openSession,
  address: () => ({ host: '', port: 0 }),
  standing: () => assert.fail('nothing is read'),
  noteStates: () => assert.fail('nothing is noted'),
  writeCandidate: () => assert.fail('nothing is written'),
  handOut: () => assert.fail('nothing is handed out'),
  nudge: () => assert.fail('nobody is nudged'),
  movePointer: () => assert.fail('the pointer is not moved'),
  explain: async () => undefined,
  complaint: async () => undefined,
  superseded: () => false,
  now: () => 0,
});

describe('a change that waits for its turn', () => {
  const wire = (clock: ManualClock = createManualClock()) => ({ clock, leave: () => undefined, paced: createPace(1) });

  it('does not take the turn of others while its consoles hang', async () => {
    const deps = wire();
    const console = Promise.withResolvers<Session>();
    const hanging = changeInTurn(
      deps,
      stepsWith(() => console.promise),
      input,
    );
    const other: ChangeResult = await changeInTurn(deps, answering().steps, input);
    assert.equal(other.outcome, 'no-canary');
    console.reject(new Error('no answer to the login within 3 s'));
    const result = await hanging;
    assert.deepEqual(result, {
      outcome: 'retry',
      reason: 'app-a: no answer to the login within 3 s',
      canaryDied: false,
      silent: true,
    });
  });

  it('uses the sessions that it has, and opens new ones when it had to wait for long', async () => {
    for (const [waited, sessions] of [
      [1_000, 1],
      [6_000, 2],
    ] as const) {
      const deps = wire();
      const before = Promise.withResolvers<void>();
      const blocking = deps.paced(() => before.promise);
      const { steps, opened, isOpen } = answering();
      const waiting = changeInTurn(deps, steps, input);
      await deps.clock.advance(waited);
      assert.equal(isOpen(), 2 - sessions, 'an open session holds up a drain');
      before.resolve();
      await blocking;
      assert.equal((await waiting).outcome, 'no-canary');
      assert.equal(opened.length, sessions);
      assert.equal(isOpen(), 0);
    }
  });

  it('leaves no session open when it is told to end before its turn has come', async () => {
    const deps = wire();
    const [before, ending] = [Promise.withResolvers<void>(), new AbortController()];
    const blocking = deps.paced(() => before.promise);
    const { steps, isOpen } = answering();
    const paced: typeof deps.paced = (change) => deps.paced(change, ending.signal);
    const waiting = changeInTurn({ ...deps, paced }, steps, input);
    await deps.clock.advance(1_000);
    ending.abort(new Error('over'));
    await assert.rejects(waiting, /over/);
    assert.equal(isOpen(), 0);
    before.resolve();
    await blocking;
  });
});
