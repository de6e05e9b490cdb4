import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Situation } from './situation.ts';
import { describeFaults, stalled } from './stalled.ts';
import { FAULT, inShort, situationOf } from './testing/situation.ts';

const failed = { revision: 'rev2', template: 'template1', reason: 'unknown parameter' };

const CASES: readonly {
  readonly what: string;
  readonly situation: Situation;
  readonly finding: string;
  readonly message: RegExp;
}[] = [
  {
    what: 'nothing waits for a person when all is well',
    situation: situationOf(),
    finding: 'False NotStalled',
    message: /nothing waits/,
  },
  {
    what: 'a fault of the spec names field, value and way out',
    situation: situationOf({ faults: { spec: [FAULT] } }),
    finding: 'True InvalidSpec',
    message: /^spec\.x: is wrong \(1\); correct it$/,
  },
  {
    what: 'a budget that cannot be divided',
    situation: situationOf({ faults: { budget: [FAULT] } }),
    finding: 'True BudgetExceeded',
    message: /spec\.x/,
  },
  {
    what: 'a fault of the spec comes before one of the budget',
    situation: situationOf({ faults: { budget: [FAULT], spec: [{ ...FAULT, path: 'spec.y' }] } }),
    finding: 'True InvalidSpec',
    message: /spec\.y/,
  },
  {
    what: "somebody else's object of a wanted name",
    situation: situationOf({ collisions: [{ object: 'Service app', owner: 'Deployment other' }] }),
    finding: 'True NameCollision',
    message: /Service app exists and belongs to Deployment other; rename/,
  },
  {
    what: 'a quota: what was asked for, its words, and the way out',
    situation: situationOf({ denied: { by: 'quota', call: 'write services/app', said: 'exceeded quota: few' } }),
    finding: 'True QuotaExceeded',
    message: /^"write services\/app" is denied by a quota: exceeded quota: few; raise the quota, .*tried again/,
  },
  {
    what: 'a policy',
    situation: situationOf({ denied: { by: 'policy', call: 'write deployments/app', said: 'ask the team\u001b[2J' } }),
    finding: 'True AdmissionDenied',
    message: /"write deployments\/app" is denied by admission: ask the team(?!\u001b).*; change that policy/,
  },
  {
    what: 'a permission that the operator lacks',
    situation: situationOf({
      denied: { by: 'permission', call: 'read secrets/app', said: 'cannot get resource "secrets"' },
    }),
    finding: 'True PermissionMissing',
    message: /cannot get resource "secrets"; install the roles/,
  },
  {
    what: 'nothing, while a webhook only does not answer',
    situation: situationOf({
      denied: { by: 'unanswered', call: 'write services/app', said: 'failed calling webhook' },
    }),
    finding: 'False NotStalled',
    message: /nothing waits/,
  },
  {
    what: 'nothing, while nobody answers',
    situation: situationOf({ denied: { by: 'silence', call: 'write services/app', said: 'no answer within 15 s' } }),
    finding: 'False NotStalled',
    message: /nothing waits/,
  },
  {
    what: 'an image with another PgBouncer than was said',
    situation: situationOf({ versionMismatch: { stated: '1.24.1', found: '1.26.1' } }),
    finding: 'True VersionMismatch',
    message: /holds PgBouncer 1\.26\.1, .* for 1\.24\.1; set spec\.version: "1\.26\.1"/,
  },
  {
    what: 'a revision that was rolled back',
    situation: situationOf({ config: { failed } }),
    finding: 'True ConfigRefused',
    message: /revision rev2 was rolled back: unknown parameter; it is tried again when/,
  },
  {
    what: 'a revision that was rolled back, and that nobody wants any more',
    situation: situationOf({ config: { failed: { ...failed, revision: 'rev1' } } }),
    finding: 'False NotStalled',
    message: /nothing waits/,
  },
  {
    what: 'a missing Secret does not stall: it may come by itself',
    situation: situationOf({ faults: { credentials: [FAULT] } }),
    finding: 'False NotStalled',
    message: /nothing waits/,
  },
];

for (const { what, situation, finding, message } of CASES) {
  test(`Stalled: ${what}`, () => {
    const found = stalled(situation);
    assert.equal(inShort(found), finding);
    assert.match(found.message, message);
  });
}

test('the first five faults are spelled out, the rest counted', () => {
  const faults = Array.from({ length: 7 }, (_, index) => ({ ...FAULT, path: `spec.f${index}` }));
  const message = describeFaults(faults);
  assert.match(message, /spec\.f0: .*spec\.f4: .*\. And 2 more$/);
  assert.doesNotMatch(message, /spec\.f5/);
  assert.doesNotMatch(describeFaults(faults.slice(0, 5)), /more/);
});
