/** Reads the YAML files a user names: poolers and the Secrets that stand beside them. */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { CORE_SCHEMA, loadAll, YAMLException } from 'js-yaml';
import { KIND } from '../api/names.ts';

export interface Documents {
  readonly file: string;
  readonly poolers: readonly Readonly<Record<string, unknown>>[];
  readonly secrets: readonly SecretDocument[];
}

export interface SecretDocument {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly values: Readonly<Record<string, string>>;
  /** Keys whose bytes are no text; what stands in `values` for them is not what they hold. */
  readonly notText?: readonly string[];
}

/** A file that cannot be read or is not YAML: `file: what is wrong`. */
export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile';
}

/** @param file a path, or `-` for standard input */
export async function readDocuments(file: string): Promise<Documents> {
  const shown = file === '-' ? 'stdin' : file;
  let source: string;
  try {
    source = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new UnreadableFile(
      `${shown}: cannot be read (${error instanceof Error ? error.message : String(error)}); name a file, or - for standard input`,
    );
  }
  let documents: unknown[];
  try {
    documents = loadAll(source, { schema: CORE_SCHEMA, filename: shown });
  } catch (error) {
    throw new UnreadableFile(
      `${shown}: is not YAML (${error instanceof YAMLException ? error.reason : String(error)}); correct it`,
    );
  }
  const objects = documents.flatMap(flatten).filter(isRecord);
  return {
    file: shown,
    poolers: objects.filter((object) => object['kind'] === KIND),
    secrets: objects
      .filter((object) => object['kind'] === 'Secret' && object['apiVersion'] === 'v1')
      .flatMap(readSecret),
  };
}

const flatten = (document: unknown): readonly unknown[] =>
  isRecord(document) && document['kind'] === 'List' && Array.isArray(document['items'])
    ? document['items']
    : [document];

function readSecret(object: Readonly<Record<string, unknown>>): readonly SecretDocument[] {
  const metadata = object['metadata'];
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string') return [];
  const encoded = Object.entries(isRecord(object['data']) ? object['data'] : {}).map(
    ([key, value]) => [key, Buffer.from(String(value), 'base64')] as const,
  );
  const plain = isRecord(object['stringData']) ? object['stringData'] : {};
  const notText = encoded.flatMap(([key, bytes]) => (isUtf8(bytes) || Object.hasOwn(plain, key) ? [] : [key]));
  return [
    {
      name: metadata['name'],
      namespace: typeof metadata['namespace'] === 'string' ? metadata['namespace'] : undefined,
      values: Object.fromEntries([
        ...encoded.map(([key, bytes]) => [key, bytes.toString()]),
        ...Object.entries(plain).map(([key, value]) => [key, String(value)]),
      ]),
      ...(notText.length > 0 && { notText }),
    },
  ];
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
