import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditEvent } from '../cluster/audit.ts';
import { intrusionsOf, termsOf } from './intrusions.ts';

const at = (ms: number): string => new Date(ms).toISOString();

const lease = (by: string, holder: string, ms: number, version: number): AuditEvent => ({
  stage: 'ResponseComplete',
  verb: 'update',
  user: { username: by },
  objectRef: { resource: 'leases', namespace: 'n', name: 'poolkeeper' },
  responseStatus: { code: 200 },
  requestReceivedTimestamp: at(ms),
  stageTimestamp: at(ms + 5),
  requestObject: { spec: { holderIdentity: holder } },
  responseObject: { metadata: { resourceVersion: String(version) } },
});
const write = (by: string, ms: number, version?: number, code = 200): AuditEvent => ({
  stage: 'ResponseComplete',
  verb: 'patch',
  user: { username: by },
  objectRef: { resource: 'services', namespace: 'n', name: 'app' },
  responseStatus: { code },
  requestReceivedTimestamp: at(ms),
  stageTimestamp: at(ms + 5),
  ...(version === undefined ? {} : { responseObject: { metadata: { resourceVersion: String(version) } } }),
});

/** a leads from 0 (version 10) on, renews, and b takes over at 20 s (version 50). */
const CHANGE: readonly AuditEvent[] = [
  lease('a', 'a', 0, 10),
  write('a', 100, 12),
  lease('a', 'a', 1_500, 20),
  lease('b', 'b', 20_000, 50),
  write('b', 20_100, 51),
];

describe('the oracle of leader election', () => {
  it('reads the terms from the lease, renewals and refused attempts aside', () => {
    const refused = { ...lease('b', 'b', 15_000, 0), responseStatus: { code: 409 } };
    assert.deepEqual(
      termsOf([...CHANGE, refused, lease('b', '', 30_000, 60)]).map(({ holder, version }) => [holder, version]),
      [
        ['a', 10],
        ['b', 50],
        ['', 60],
      ],
    );
  });

  it('finds nothing wrong with a change of hands in good order', () => {
    assert.deepEqual(intrusionsOf(CHANGE), []);
  });

  const INTRUSIONS: readonly (readonly [string, AuditEvent])[] = [
    ['a write that is received after somebody else leads', write('a', 20_200, 52)],
    ['one that was refused, too', write('a', 20_200, undefined, 409)],
    ['one that was received before and done after', write('a', 19_900, 52)],
    ['one by somebody who does not lead yet', write('b', 19_000, 49)],
    ['one by somebody who never leads', write('c', 500, 13)],
  ];
  for (const [what, event] of INTRUSIONS) {
    it(`finds ${what}`, () => {
      assert.deepEqual(
        intrusionsOf([...CHANGE, event]).map(({ by, call }) => `${by} ${call}`),
        [`${event.user.username} patch services n/app`],
      );
    });
  }

  it('finds a write after the lease was given back', () => {
    const released = [lease('a', 'a', 0, 10), lease('a', '', 1_000, 20), write('a', 2_000, 21)];
    assert.equal(intrusionsOf(released).length, 1);
  });

  it('lets a new leader find that there is nothing to change', () => {
    assert.deepEqual(intrusionsOf([...CHANGE, write('b', 20_200, 12)]), []);
  });
});
