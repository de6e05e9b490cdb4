import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVersion } from '../pgbouncer/version.ts';
import type { DeployedImage } from '../plan/image.ts';
import { imageOutdated } from './image-outdated.ts';
import { inShort, situationOf } from './testing/situation.ts';

const imageOf = (version: string, newerDefault?: string): DeployedImage => ({
  image: `registry.example.com/pgbouncer:${version}`,
  version: parseVersion(version) ?? { major: 0, minor: 0, patch: 0 },
  newerDefault,
});

const FINDINGS: readonly {
  readonly what: string;
  readonly image: DeployedImage | undefined;
  readonly found: string;
  readonly said: RegExp;
}[] = [
  {
    what: 'a version before 1.25.2 is named with its holes, and with the version that has none',
    image: imageOf('1.25.1'),
    found: 'True KnownVulnerabilities',
    said: /1\.25\.1, which has CVE-2026-107350 .*CVE-2026-6664 .*CVE-2026-6665 .*CVE-2026-6666 .*CVE-2026-6667 .*1\.26\.1 or newer$/,
  },
  {
    what: 'so is one whose holes were found later',
    image: imageOf('1.25.2'),
    found: 'True KnownVulnerabilities',
    said: /1\.25\.2, which has CVE-2026-107350 \([^)]+\), CVE-2026-6668 \([^)]+\), CVE-2026-6669 \([^)]+\); set spec\.image/,
  },
  {
    what: 'holes weigh more than a newer default',
    image: imageOf('1.26.0', 'pgbouncer:1.26.1'),
    found: 'True KnownVulnerabilities',
    said: /CVE-2026-107350/,
  },
  {
    what: 'an older default that was kept is told',
    image: imageOf('1.26.1', 'pgbouncer:1.26.2'),
    found: 'True NewerDefault',
    said: /new poolers get pgbouncer:1\.26\.2; set spec\.image to that$/,
  },
  { what: 'the newest is up to date', image: imageOf('1.26.1'), found: 'False UpToDate', said: /1\.26\.1/ },
  {
    what: 'nothing is said of an image that is not there',
    image: undefined,
    found: 'Unknown NotDeployed',
    said: /no Deployment/,
  },
];

for (const { what, image, found, said } of FINDINGS) {
  test(what, () => {
    const finding = imageOutdated(situationOf({ image }));
    assert.equal(inShort(finding), found);
    assert.match(finding.message, said);
  });
}

test('the longest list of holes fits into a message, so that none is cut off', () => {
  const { message } = imageOutdated(situationOf({ image: imageOf('1.24.0') }));
  assert.ok(message.length < 1024, `${message.length} characters`);
  assert.match(message, /CVE-2025-2291/);
});
