import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { comparePoolers } from '../plan/compare.ts';
import { assertGolden, updateGolden } from '../plan/testing/golden.ts';
import { readDocuments } from './documents.ts';
import { explain, printExplanations } from './explain.ts';
import { type OfflinePlan, planOffline } from './offline-plan.ts';
import { planText } from './plan-text.ts';

async function planned(file: string, change: (text: string) => string = (text) => text): Promise<OfflinePlan> {
  const { poolers } = await readDocuments(fileURLToPath(new URL(`testdata/${file}`, import.meta.url)));
  const result = planOffline(JSON.parse(change(JSON.stringify(poolers[0]))), {
    namespace: 'default',
    defaultImage: 'registry.example.com/pgbouncer:1.26.1',
    templateMode: 'restricted',
    secrets: [],
    showSecrets: false,
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.plan;
}

async function golden(name: string, actual: string): Promise<void> {
  // Revisions follow from every byte of the files; here they would only make noise.
  const text = actual.replaceAll(/[0-9a-f]{8}(?=\.(hba|userlist))/g, '<revision>');
  await updateGolden(`../../cli/testdata/${name}.golden`, text);
  await assertGolden(`../../cli/testdata/${name}.golden`, text);
}

test('explain prints what is in force and why', async () => {
  await golden('explain', printExplanations([explain(await planned('after.yaml'))], 'table'));
});

test('explain prints the same as data', async () => {
  const data = explain(await planned('after.yaml'));
  assert.deepEqual(JSON.parse(printExplanations([data], 'json')), JSON.parse(JSON.stringify(data)));
  await golden('explain-yaml', printExplanations([explain(await planned('before.yaml'))], 'yaml'));
});

test('plan prints an edit that replaces pods', async () => {
  await golden('plan-restart', planText(comparePoolers(await planned('before.yaml'), await planned('after.yaml'))));
});

test('plan prints an edit that needs a reload only', async () => {
  const after = await planned('before.yaml', (text) =>
    text
      .replace('"connectionBudget":25', '"connectionBudget":20')
      .replace('"connectionBudget":12', '"connectionBudget":10'),
  );
  await golden('plan-reload', planText(comparePoolers(await planned('before.yaml'), after)));
});

test('plan prints what would be created, and that nothing changes', async () => {
  const before = await planned('before.yaml');
  await golden('plan-create', planText(comparePoolers(undefined, before)) + planText(comparePoolers(before, before)));
});

test('plan is data, without a secret in it', async () => {
  const change = comparePoolers(await planned('before.yaml'), await planned('after.yaml'));
  await golden('plan-json', `${JSON.stringify(change, null, 2)}\n`);
});
