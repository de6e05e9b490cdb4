import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CVES, cvesOf } from './cves.ts';
import { compareVersions, parseVersion } from './version.ts';

const idsOf = (text: string): readonly string[] => {
  const version = parseVersion(text);
  assert.ok(version);
  return cvesOf(version).map(({ id }) => id);
};

test('a version has the holes that were closed after it, and none that came later', () => {
  assert.deepEqual(idsOf('1.26.1'), []);
  assert.deepEqual(idsOf('1.26.0'), ['CVE-2026-107350']);
  assert.deepEqual(idsOf('1.25.2'), ['CVE-2026-107350', 'CVE-2026-6668', 'CVE-2026-6669']);
  assert.ok(idsOf('1.25.1').includes('CVE-2026-6667'));
  // KILL_CLIENT is new in 1.24, and so is its hole.
  assert.ok(!idsOf('1.23.1').includes('CVE-2026-6667'));
  assert.ok(!idsOf('1.19.1').includes('CVE-2025-12819'));
  assert.ok(idsOf('1.18.0').includes('CVE-2025-2291'));
});

test('the first of a list closes all the others', () => {
  const fixed = CVES.map((cve) => parseVersion(cve.fixed));
  for (const [index, version] of fixed.entries()) {
    const before = fixed[index - 1];
    assert.ok(version);
    if (before) assert.ok(compareVersions(before, version) >= 0, CVES[index]?.id);
  }
});
