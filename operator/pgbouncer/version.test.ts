import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  atLeast,
  compareVersions,
  formatVersion,
  isSupported,
  parseVersion,
  type Version,
  versionFromImage,
} from './version.ts';

const version = (text: string): Version => {
  const parsed = parseVersion(text);
  assert.ok(parsed, text);
  return parsed;
};

describe('a version', () => {
  it('has two or three numbers', () => {
    assert.deepEqual(parseVersion('1.26.1'), { major: 1, minor: 26, patch: 1 });
    assert.deepEqual(parseVersion('1.26'), { major: 1, minor: 26, patch: 0 });
    for (const text of ['', '1', '1.2.3.4', 'v1.2.3', '1.2.3-rc1', '1.02.3', '1.2.x', ' 1.2.3', '1.2.3\n']) {
      assert.equal(parseVersion(text), undefined, JSON.stringify(text));
    }
  });

  it('is printed with three', () => assert.equal(formatVersion(version('1.26')), '1.26.0'));

  it('is ordered by number, not by letter', () => {
    const ordered = ['1.9.9', '1.10.0', '1.24.1', '1.24.2', '1.24.10', '2.0.0'].map(version);
    assert.deepEqual(ordered.toReversed().sort(compareVersions), ordered);
    assert.equal(compareVersions(version('1.24'), version('1.24.0')), 0);
  });

  it('is at least another', () => {
    assert.equal(atLeast(version('1.24.1'), '1.24.1'), true);
    assert.equal(atLeast(version('1.24.1'), '1.24'), true);
    assert.equal(atLeast(version('1.24.1'), '1.24.2'), false);
    assert.throws(() => atLeast(version('1.24.1'), 'next'), TypeError);
  });

  for (const [text, supported] of [
    ['1.17.0', false],
    ['1.18.0', true],
    ['1.25.2', true],
    ['1.26.99', true],
    ['1.27.0', false],
    ['2.0.0', false],
  ] as const) {
    it(`${text} is ${supported ? '' : 'not '}supported`, () => assert.equal(isSupported(version(text)), supported));
  }
});

describe('the version of an image', () => {
  for (const [image, expected] of [
    ['ghcr.io/poolkeeper/pgbouncer:1.26.1', '1.26.1'],
    ['registry.local:5000/pgbouncer:1.24.1-debian-12', '1.24.1'],
    ['pgbouncer:v1.23.1-p2', '1.23.1'],
    [`pgbouncer:1.26.1@sha256:${'0'.repeat(64)}`, '1.26.1'],
    ['pgbouncer:1.26', undefined],
    ['pgbouncer:1.26.1.2', undefined],
    ['pgbouncer:latest', undefined],
    ['pgbouncer:debian-1.26.1', undefined],
    ['pgbouncer', undefined],
    ['registry.local:1.26.1/pgbouncer', undefined],
    [`pgbouncer@sha256:${'1'.repeat(64)}`, undefined],
  ] as const) {
    it(`of ${image} is ${expected ?? 'not known'}`, () => {
      const found = versionFromImage(image);
      assert.equal(found && formatVersion(found), expected);
    });
  }
});
