import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openChanges } from './change.ts';
import type { Target } from './target.ts';

/** A cluster that answers a patch with generation 7 after telling its watch `lines`, and `later` after that. */
function scripted(lines: readonly string[], later: readonly string[]): Target {
  let tell: (line: string) => void = () => undefined;
  return {
    name: 'a script',
    foreign: false,
    postgresImage: '',
    operatorValues: [],
    kubectlCommand: 'kubectl',
    kubectl: async (args, options) => {
      if (args.includes('--watch')) {
        tell = options?.onLine ?? tell;
        tell('True 6 6 old');
        await new Promise<void>((resolve) => options?.signal?.addEventListener('abort', () => resolve()));
        return '';
      }
      lines.forEach(tell);
      setTimeout(() => later.forEach(tell), 20);
      return '7';
    },
    helm: async () => '',
    remove: async () => undefined,
  };
}

test('a change is over when ConfigSynced is True of its generation, not of the one before', async () => {
  await using changes = await openChanges(
    scripted(['True 6 6 old', 'False 7 7 new'], ['True 6 7 old', 'True 7 7 new']),
    'n',
    'p',
  );
  const { milliseconds, revision } = await changes.time({});
  assert.equal(revision, 'new');
  assert.ok(milliseconds > 0);
});

test('a change that is proved before kubectl has returned took no time', async () => {
  await using changes = await openChanges(scripted(['True 7 7 new'], []), 'n', 'p');
  assert.deepEqual(await changes.time({}), { milliseconds: 0, revision: 'new' });
});
