import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { OPERATOR_VERSION } from './version.ts';

test('package and chart carry the version that the operator calls itself', async () => {
  assert.equal(JSON.parse(await readFile('package.json', 'utf8')).version, OPERATOR_VERSION);
  assert.match(
    await readFile('charts/poolkeeper/Chart.yaml', 'utf8'),
    new RegExp(`^appVersion: "?${OPERATOR_VERSION}"?$`, 'm'),
  );
});
