import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { compareVersions, isNewer } from './resource-version.ts';

describe('resource versions', () => {
  it('compare as integers of any size', () => {
    const integer = fc.bigInt({ min: 1n, max: 10n ** 30n });
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        assert.equal(Math.sign(compareVersions(String(a), String(b))), a < b ? -1 : Number(a > b));
      }),
    );
  });

  it('are newer than none at all, and none is newer than any', () => {
    assert.equal(isNewer('1', undefined), true);
    assert.equal(isNewer(undefined, '1'), false);
    assert.equal(isNewer(undefined, undefined), false);
    assert.equal(isNewer('9', '10'), false);
    assert.equal(isNewer('10', '10'), false);
  });
});
