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

const VERIFIER = { ...FAULT, severity: 'warning', reason: 'VerifierPassword', problem: 'holds a verifier' } as const;
const BEFORE = {
  type: 'CredentialsValid',
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
} as const;

test('CredentialsValid: what serves with a reservation is valid, and the reservation is said', () => {
  const found = credentialsValid(situationOf({ credentialWarnings: [VERIFIER] }));
  assert.equal(inShort(found), 'True ValidWithWarnings');
  assert.equal(found.message, 'spec.x: holds a verifier (1); correct it');
});

test('CredentialsValid: a fault counts for more than a reservation', () => {
  const found = credentialsValid(situationOf({ credentialWarnings: [VERIFIER], faults: { credentials: [FAULT] } }));
  assert.equal(inShort(found), 'False SecretInvalid');
});

test('CredentialsValid: an operator that was just started and read no Secret says what was found before', () => {
  const situation = { ...situationOf(), credentialWarnings: undefined };
  const before = { ...BEFORE, status: 'True', reason: 'ValidWithWarnings', message: 'as it was' } as const;
  assert.deepEqual(credentialsValid(situation, before), {
    status: 'True',
    reason: 'ValidWithWarnings',
    message: 'as it was',
  });
  assert.equal(inShort(credentialsValid(situation)), 'True Valid');
  assert.equal(inShort(credentialsValid(situation, { ...before, status: 'False' })), 'True Valid');
  assert.equal(inShort(credentialsValid(situationOf(), before)), 'True Valid');
});
