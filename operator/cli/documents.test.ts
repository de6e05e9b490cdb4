import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Documents, readDocuments, UnreadableFile } from './documents.ts';

async function read(source: string): Promise<Documents> {
  const directory = await mkdtemp(join(tmpdir(), 'poolkeeper-documents-'));
  try {
    await writeFile(join(directory, 'file.yaml'), source);
    return await readDocuments(join(directory, 'file.yaml'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const POOLER = 'kind: ConnectionPooler\nmetadata: {name: a}\n';

test('poolers and Secrets are found among other objects, in every document', async () => {
  const { poolers, secrets } = await read(
    `${POOLER}---\n---\nkind: Service\n---\n- a list\n---\nkind: Secret\napiVersion: v1\nmetadata: {name: s, namespace: n}\n`,
  );
  assert.equal(poolers.length, 1);
  assert.deepEqual(secrets, [{ name: 's', namespace: 'n', values: {} }]);
});

test('a List is looked into', async () => {
  const items = JSON.stringify([{ kind: 'ConnectionPooler' }, null, { kind: 'ConnectionPooler' }]);
  assert.equal((await read(`kind: List\nitems: ${items}`)).poolers.length, 2);
});

test('values of a Secret are decoded; stringData wins, as in the API', async () => {
  const { secrets } = await read(
    'kind: Secret\napiVersion: v1\nmetadata: {name: s}\ndata: {a: YQ==, b: Yg==}\nstringData: {b: other}\n',
  );
  assert.deepEqual(secrets, [{ name: 's', namespace: undefined, values: { a: 'a', b: 'other' } }]);
});

test('a value of a Secret that is no text is told, however it is encoded otherwise', async () => {
  // An overlong slash, half of a surrogate pair, Latin-1, and a text.
  const [overlong, surrogate, latin, fine] = [[0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe9], [0xc3, 0xa9]].map((bytes) =>
    Buffer.from(bytes).toString('base64'),
  );
  const data = `data: {a: ${overlong}, b: ${surrogate}, c: ${latin}, d: ${fine}}`;
  const { secrets } = await read(`kind: Secret\napiVersion: v1\nmetadata: {name: s}\n${data}\nstringData: {c: e}\n`);
  assert.deepEqual(secrets[0]?.notText, ['a', 'b']);
});

test('a Secret of another API, or without a name, is none', async () => {
  const other = 'kind: Secret\napiVersion: vault/v1\nmetadata: {name: s}\n';
  assert.deepEqual((await read(`${other}---\nkind: Secret\napiVersion: v1\n`)).secrets, []);
});

test('dates, octal numbers and words stay what they look like', async () => {
  const { poolers } = await read(`${POOLER}spec: {a: 2026-01-01, b: "010", c: 1.18, d: yes}\n`);
  assert.deepEqual(poolers[0]?.['spec'], { a: '2026-01-01', b: '010', c: 1.18, d: 'yes' });
});

const UNREADABLE = [
  { what: 'a bracket that is not closed', source: 'a: [planted-secret' },
  { what: 'a key that stands there twice', source: 'a: planted-secret\na: 2' },
  { what: 'a tab for indentation', source: 'a:\n\tb: planted-secret' },
  { what: 'a tag of another language', source: 'a: !!js/function planted-secret' },
];
for (const { what, source } of UNREADABLE) {
  test(`what is not YAML is said so, without what stands there: ${what}`, async () => {
    await assert.rejects(read(source), (error: unknown) => {
      assert.ok(error instanceof UnreadableFile);
      assert.match(error.message, /file\.yaml: is not YAML \(.+\); correct it$/);
      assert.ok(!error.message.includes('planted'));
      return true;
    });
  });
}
