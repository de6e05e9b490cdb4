import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConsoleUnreachableError } from '../console/errors.ts';
import { expectationOf } from '../console/expectation.ts';
import type { Session } from '../console/session.ts';
import type { Row } from '../pgbouncer/rows.ts';
import type { PodView } from '../plan/pods.ts';
import type { ConsoleReading } from './console-reading.ts';
import { createMemoryStore } from './memory.ts';
import { findOverrides } from './overrides.ts';

const version = { major: 1, minor: 26, patch: 1 };
const ini = { databases: [], users: [], pgbouncer: [['max_client_conn', '100']] } as const;
const pod: PodView = {
  name: 'app-1',
  uid: 'u',
  address: '10.0.0.1',
  template: 't',
  entry: undefined,
  running: true,
  ready: true,
  terminating: false,
  ended: false,
  process: 'u/1',
  restarts: 0,
  waiting: undefined,
};
const reading: ConsoleReading = {
  pod: pod.name,
  version: '1.26.1',
  pools: [],
  databases: [],
  poolRows: [],
  databaseRows: [],
  stats: [],
  lists: new Map(),
  maxClientConnections: 555,
  maxUserConnections: 0,
  settings: 'changed by hand',
  paused: false,
};
const ANSWERS: Readonly<Record<string, readonly Row[]>> = {
  CONFIG: [{ key: 'max_client_conn', value: '555', default: '100', changeable: 'yes' }],
  STATE: [{ key: 'paused', value: 'no' }],
};
const answering: Session = {
  show: async (what) => ANSWERS[what] ?? [],
  reload: async () => ({ ok: true }),
  command: async () => undefined,
  close: async () => undefined,
  closed: false,
  fingerprint: undefined,
};

/** A process that was proved, then changed by hand, and looked at since. */
function changed() {
  const memory = createMemoryStore().of('n/app', {
    apiVersion: 'poolkeeper.dev/v1alpha1',
    kind: 'ConnectionPooler',
    metadata: { namespace: 'n', name: 'app', uid: 'p' },
    spec: { profile: 'balanced', replicas: 1, suspend: false, backends: [{ name: 'primary', host: 'pg', port: 5432 }] },
  });
  memory.proofs.set(pod.process, { revision: 'r', restartRequired: [], settings: 'as proved' });
  memory.touchedAt = 1_000;
  const look = (at: number, openSession: () => Promise<Session>, settings = reading.settings): Promise<boolean> =>
    findOverrides({
      observation: { at, readings: [{ ...reading, settings }], silent: [] },
      memory,
      pods: [pod],
      revision: 'r',
      version,
      expectation: () => expectationOf(ini, { revision: 'r', version, proofLogin: { user: 'p', password: 'x' } }),
      held: {},
      steps: { openSession },
    });
  return { look, found: () => [...memory.overrides.values()].flatMap((override) => override.found) };
}

describe('what a hand changed on a console', () => {
  it('is asked for again when the process did not answer: the observer tells of a difference once', async () => {
    const { look, found } = changed();
    const silent = async (): Promise<Session> => {
      throw new ConsoleUnreachableError('no answer');
    };
    assert.equal(await look(2_000, silent), true);
    assert.deepEqual(found(), []);
    assert.equal(await look(2_000, async () => answering), false);
    assert.match(found().join(), /max_client_conn is 555, expected 100/);
  });

  it('is looked for again when the look was before the last change, and differs from the proof', async () => {
    const { look, found } = changed();
    const nobody = (): Promise<Session> => assert.fail('nobody is to be asked');
    assert.equal(await look(900, nobody), true);
    assert.equal(await look(900, nobody, 'as proved'), false);
    assert.deepEqual(found(), []);
    assert.equal(await look(1_100, async () => answering), false);
    assert.match(found().join(), /max_client_conn/);
  });

  it('is forgotten when a look shows what was proved', async () => {
    const { look, found } = changed();
    await look(2_000, async () => answering);
    assert.equal(await look(3_000, async () => answering, 'as proved'), false);
    assert.deepEqual(found(), []);
  });
});
