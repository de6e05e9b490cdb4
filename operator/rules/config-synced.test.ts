import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSynced } from './config-synced.ts';
import type { Situation } from './situation.ts';
import { FAULT, inShort, podOf, situationOf } from './testing/situation.ts';

const CASES: readonly {
  readonly what: string;
  readonly situation: Situation;
  readonly finding: string;
  readonly message: RegExp;
}[] = [
  {
    what: 'every replica was proved',
    situation: situationOf(),
    finding: 'True Proved',
    message: /revision rev2 was proved on all 3 replicas/,
  },
  {
    what: 'one replica was not',
    situation: situationOf({
      proved: new Map([
        ['a', 'rev2'],
        ['b', 'rev2'],
        ['c', 'rev1'],
      ]),
    }),
    finding: 'False Applying',
    message: /proved on 2 of 3 replicas$/,
  },
  {
    what: 'the last attempt is tried again, and why',
    situation: situationOf({ proved: new Map(), config: { retrying: 'pod a does not answer' } }),
    finding: 'False Applying',
    message: /0 of 3 replicas; tried again: pod a does not answer/,
  },
  {
    what: 'a quota stands in the way, and where more is said of it',
    situation: situationOf({ proved: new Map(), denied: { by: 'quota', call: 'write secrets/x', said: 'few' } }),
    finding: 'False Applying',
    message: /0 of 3 replicas; "write secrets\/x" is denied by a quota, see Stalled$/,
  },
  {
    what: 'nobody answers, and where more is said of it',
    situation: situationOf({ proved: new Map(), denied: { by: 'silence', call: 'write secrets/x', said: '' } }),
    finding: 'False Applying',
    message: /0 of 3 replicas; "write secrets\/x" was not answered, see Reconciling$/,
  },
  {
    what: 'all replicas were proved, and new ones would still start on the old file',
    situation: situationOf({ config: { pointer: 'rev1' } }),
    finding: 'False Applying',
    message: /3 of 3/,
  },
  {
    what: 'a pod on its way out counts for nothing',
    situation: situationOf({
      pods: [podOf('a'), podOf('b'), podOf('c'), podOf('d', { terminating: true })],
      proved: new Map([
        ['a', 'rev2'],
        ['b', 'rev2'],
        ['c', 'rev2'],
      ]),
    }),
    finding: 'True Proved',
    message: /all 3/,
  },
  {
    what: 'a pod of the template before counts for nothing',
    situation: situationOf({ pods: [podOf('a'), podOf('b', { template: 'template0' })] }),
    finding: 'True Proved',
    message: /was proved on 1 replica$/,
  },
  {
    what: 'the revision was rolled back',
    situation: situationOf({
      config: { pointer: 'rev1', failed: { revision: 'rev2', template: 't', reason: 'unknown parameter' } },
    }),
    finding: 'False Refused',
    message: /revision rev2 was rolled back to rev1: unknown parameter/,
  },
  {
    what: 'the first revision was refused, and there is none to go back to',
    situation: situationOf({
      config: { pointer: undefined, failed: { revision: 'rev2', template: 't', reason: 'unknown parameter' } },
    }),
    finding: 'False Refused',
    message: /rolled back to none/,
  },
  {
    what: 'nothing can be rendered, and nothing ever was',
    situation: situationOf({ config: { desired: undefined, pointer: undefined } }),
    finding: 'False NotRendered',
    message: /^there is no configuration yet$/,
  },
  {
    what: 'nothing can be rendered, and what runs keeps running',
    situation: situationOf({ config: { desired: undefined }, faults: { credentials: [FAULT] } }),
    finding: 'False NotRendered',
    message: /^revision rev2 keeps running, see CredentialsValid$/,
  },
  {
    what: 'nothing can be rendered, for two reasons',
    situation: situationOf({ config: { desired: undefined }, faults: { spec: [FAULT], credentials: [FAULT] } }),
    finding: 'False NotRendered',
    message: /^revision rev2 keeps running, see Stalled and CredentialsValid$/,
  },
  {
    what: 'there is no replica yet',
    situation: situationOf({ pods: [] }),
    finding: 'Unknown NoReplicas',
    message: /waits for the first replica/,
  },
  {
    what: 'none is wanted',
    situation: situationOf({ pods: [], wantedReplicas: 0 }),
    finding: 'True NoReplicas',
    message: /waits for the first replica/,
  },
];

for (const { what, situation, finding, message } of CASES) {
  test(`ConfigSynced: ${what}`, () => {
    const found = configSynced(situation);
    assert.equal(inShort(found), finding);
    assert.match(found.message, message);
  });
}
