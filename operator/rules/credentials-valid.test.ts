import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsValid } from './credentials-valid.ts';
import { FAULT, inShort, situationOf } from './testing/situation.ts';

test('CredentialsValid: all referenced Secrets are there and well formed', () => {
  assert.equal(inShort(credentialsValid(situationOf())), 'True Valid');
});

test('CredentialsValid: a Secret that is malformed is told with reference and way out', () => {
  const found = credentialsValid(situationOf({ faults: { credentials: [FAULT] } }));
  assert.equal(inShort(found), 'False SecretInvalid');
  assert.equal(found.message, 'spec.x: is wrong (1); correct it');
});

test('CredentialsValid: when one is missing that is the reason, whatever else is wrong', () => {
  const missing = { ...FAULT, problem: 'does not exist: there is no such Secret' };
  assert.equal(
    inShort(credentialsValid(situationOf({ faults: { credentials: [FAULT, missing] } }))),
    'False SecretMissing',
  );
});
