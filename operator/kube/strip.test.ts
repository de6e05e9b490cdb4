import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripped } from './strip.ts';

const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 'app',
    managedFields: [{ manager: 'kubectl' }],
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"password":"planted"}}', kept: 'yes' },
  },
  data: { password: 'planted' },
};

describe('what is cached', () => {
  it('has no managedFields and no copy of what kubectl applied', () => {
    assert.deepEqual(stripped(secret, false), {
      ...secret,
      metadata: { name: 'app', annotations: { kept: 'yes' } },
    });
  });

  it('holds nothing of a Secret when only metadata is wanted', () => {
    assert.doesNotMatch(JSON.stringify(stripped(secret, true)), /planted/);
  });

  it('is not the object that was given', () => {
    const before = structuredClone(secret);
    stripped(secret, true);
    assert.deepEqual(secret, before);
  });

  it('gets no annotations that it did not have', () => {
    assert.deepEqual(stripped({ ...secret, metadata: { name: 'x' } }, true).metadata, { name: 'x' });
  });
});
