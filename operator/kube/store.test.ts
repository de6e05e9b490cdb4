import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from './objects.ts';
import { createStore } from './store.ts';

interface Thing extends KubeObject {
  readonly uses: readonly string[];
}
const thing = (name: string, ...uses: readonly string[]): Thing => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name },
  uses,
});

describe('the store', () => {
  it('finds objects by each value of an index, and no longer by one they had before', () => {
    const store = createStore<Thing>({ uses: ({ uses }) => uses, name: ({ metadata }) => [metadata.name] });
    const names = (value: string) => store.byIndex('uses', value).map(({ metadata }) => metadata.name);
    store.set('a', thing('a', 'x', 'y'));
    store.set('b', thing('b', 'y'));
    assert.deepEqual([names('x'), names('y')], [['a'], ['a', 'b']]);
    assert.deepEqual(store.set('a', thing('a', 'z')), thing('a', 'x', 'y'));
    assert.deepEqual([names('x'), names('y'), names('z')], [[], ['b'], ['a']]);
    assert.deepEqual(store.delete('b'), thing('b', 'y'));
    assert.deepEqual([names('y'), store.values().length, store.get('b')], [[], 1, undefined]);
    assert.deepEqual(store.byIndex('name', 'a'), [thing('a', 'z')]);
    assert.deepEqual(store.byIndex('unknown', 'a'), []);
    assert.equal(store.delete('b'), undefined);
  });
});
