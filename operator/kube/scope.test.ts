import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import type { KubeObject } from './objects.ts';
import { createScope } from './scope.ts';
import { createStore } from './store.ts';

const object = (name: string, version: number, uid = 'uid'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, uid, resourceVersion: String(version) },
});

const newScope = () => {
  const store = createStore<KubeObject>({});
  const told: string[] = [];
  /** What somebody knows who only hears of changes. */
  const heard = new Map<string, KubeObject>();
  const scope = createScope<KubeObject>({
    store,
    namespace: undefined,
    strip: (stored) => stored,
    changed: (old, current, initial) => {
      const name = (current ?? old)?.metadata.name ?? '';
      assert.deepEqual(old, heard.get(name), 'the old object is the one that was told before');
      if (current) heard.set(name, current);
      else heard.delete(name);
      const version = (of: KubeObject | undefined) => of?.metadata.resourceVersion ?? '-';
      told.push(`${name} ${version(old)}→${version(current)}${initial ? ' initial' : ''}`);
    },
  });
  return {
    scope,
    told,
    heard,
    versionOf: (name: string) => store.get(name)?.metadata.resourceVersion,
    stored: () => new Map(store.entries()),
    list: (version: number, ...objects: readonly KubeObject[]) => {
      scope.follow({ type: 'init' });
      for (const listed of objects) scope.follow({ type: 'initApply', object: listed });
      scope.follow({ type: 'initDone', resourceVersion: String(version) });
    },
    event: (type: 'apply' | 'delete', changed: KubeObject) =>
      scope.follow({ type, object: changed, resourceVersion: changed.metadata.resourceVersion ?? '' }),
  };
};

describe('what one watch has told', () => {
  it('is nothing before the first list is complete', () => {
    const { scope, told, stored } = newScope();
    scope.follow({ type: 'init' });
    scope.follow({ type: 'initApply', object: object('a', 1) });
    assert.equal(stored().size, 0);
    assert.equal(scope.version(), undefined);
    scope.follow({ type: 'initDone', resourceVersion: '5' });
    assert.deepEqual(told, ['a -→1 initial']);
    assert.equal(scope.version(), '5');
  });

  it('is replaced by the next list as a whole, and only what differs is told', () => {
    const { told, list } = newScope();
    list(5, object('kept', 1), object('changed', 2), object('gone', 3));
    told.length = 0;
    list(9, object('kept', 1), object('changed', 8), object('new', 7));
    assert.deepEqual(told, ['gone 3→-', 'changed 2→8', 'new -→7']);
  });

  it('forgets the pages of a list that was begun anew', () => {
    const { scope, versionOf, list } = newScope();
    scope.follow({ type: 'init' });
    scope.follow({ type: 'initApply', object: object('ghost', 1) });
    list(5, object('a', 2));
    assert.equal(versionOf('ghost'), undefined);
  });

  it('has an own write before the watch brings it, and tells it once', () => {
    const { scope, told, list, event } = newScope();
    list(5, object('a', 1));
    told.length = 0;
    scope.observe(object('a', 6));
    assert.deepEqual(told, ['a 1→6']);
    event('apply', object('a', 6));
    assert.deepEqual(told, ['a 1→6']);
  });

  it('does not go back to what was before an own write', () => {
    const { scope, versionOf, list, event } = newScope();
    list(5, object('a', 1));
    scope.observe(object('a', 9));
    event('apply', object('a', 7));
    assert.equal(versionOf('a'), '9');
    event('apply', object('a', 10));
    assert.equal(versionOf('a'), '10');
  });

  it('does not go back when the answers of own writes come in another order', () => {
    const { scope, versionOf, list } = newScope();
    list(5, object('a', 1));
    scope.observe(object('a', 9));
    scope.observe(object('a', 7));
    assert.equal(versionOf('a'), '9');
  });

  it('does not lose an object that was made again by an own write, when its old end arrives', () => {
    const { scope, versionOf, list, event } = newScope();
    list(5, object('a', 1, 'old'));
    scope.observe(object('a', 9, 'new'));
    event('delete', object('a', 8, 'old'));
    assert.equal(versionOf('a'), '9');
  });

  it('does not bring back what was deleted since the write whose answer arrives late', () => {
    const { scope, versionOf, list, event } = newScope();
    list(5);
    event('apply', object('a', 6));
    event('delete', object('a', 7));
    scope.observe(object('a', 6));
    assert.equal(versionOf('a'), undefined);
  });

  it('takes a list that is older than an own write for what it is', () => {
    const { scope, versionOf, list } = newScope();
    list(5, object('a', 1));
    scope.follow({ type: 'init' });
    scope.observe(object('a', 9));
    scope.observe(object('b', 10));
    scope.follow({ type: 'initApply', object: object('a', 1) });
    scope.follow({ type: 'initDone', resourceVersion: '8' });
    assert.deepEqual([versionOf('a'), versionOf('b')], ['9', '10']);
  });

  it('believes a server that came back with an older history', () => {
    const { scope, versionOf, list } = newScope();
    list(500, object('a', 400), object('b', 450));
    scope.observe(object('a', 600));
    list(100, object('a', 90));
    assert.deepEqual([versionOf('a'), versionOf('b'), scope.version()], ['90', undefined, '100']);
    scope.observe(object('a', 101));
    assert.equal(versionOf('a'), '101');
  });

  it('leaves other namespaces alone', () => {
    const store = createStore<KubeObject>({});
    const of = (namespace: string) =>
      createScope<KubeObject>({ store, namespace, strip: (stored) => stored, changed: () => undefined });
    const inNamespace = (namespace: string): KubeObject => {
      const { metadata, ...rest } = object('a', 1);
      return { ...rest, metadata: { ...metadata, namespace } };
    };
    for (const namespace of ['one', 'two']) {
      const scope = of(namespace);
      scope.follow({ type: 'init' });
      scope.follow({ type: 'initApply', object: inNamespace(namespace) });
      scope.follow({ type: 'initDone', resourceVersion: '5' });
    }
    assert.deepEqual(
      [...store.entries()].map(([key]) => key),
      ['one/a', 'two/a'],
    );
  });

  it('is what the server has, whatever was written by whom and arrived in whatever order', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), name, own: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('watch' as const), events: fc.nat(4) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const), index: fc.nat(3) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('beginList' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('endList' as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { scope, heard, stored, versionOf } = newScope();
        let version = 1;
        let uids = 0;
        const server = new Map<string, KubeObject>();
        const history: { readonly type: 'apply' | 'delete'; readonly object: KubeObject }[] = [];
        /** Own writes that are done and whose answer is on its way. */
        const answers: KubeObject[] = [];
        let watched = 0;
        let listing:
          | { readonly objects: readonly KubeObject[]; readonly version: number; readonly at: number }
          | undefined;

        const beginList = (): void => {
          scope.follow({ type: 'init' });
          listing = { objects: [...server.values()], version, at: history.length };
        };
        const endList = (): void => {
          if (listing === undefined) return;
          for (const listed of listing.objects) scope.follow({ type: 'initApply', object: listed });
          scope.follow({ type: 'initDone', resourceVersion: String(listing.version) });
          watched = listing.at;
          listing = undefined;
        };
        const watchOne = (): void => {
          const event = history[watched];
          if (event === undefined || listing !== undefined) return;
          watched += 1;
          scope.follow({ ...event, resourceVersion: event.object.metadata.resourceVersion ?? '' });
        };
        const answer = (index: number): void => {
          const [written] = answers.splice(index % Math.max(answers.length, 1), 1);
          if (written === undefined) return;
          scope.observe(written);
          const { name, resourceVersion = '' } = written.metadata;
          const cached = versionOf(name);
          // Read your own writes: what is cached is that or newer, unless the watch knows that it is gone.
          if (scope.version() !== undefined && BigInt(scope.version() ?? '0') < BigInt(resourceVersion))
            assert.ok(cached !== undefined && BigInt(cached) >= BigInt(resourceVersion), 'an own write is not seen');
        };

        beginList();
        endList();
        for (const action of steps) {
          switch (action.do) {
            case 'write': {
              version += 1;
              uids += 1;
              const uid = server.get(action.name)?.metadata.uid ?? `uid-${uids}`;
              const written = object(action.name, version, uid);
              server.set(action.name, written);
              history.push({ type: 'apply', object: written });
              if (action.own) answers.push(written);
              break;
            }
            case 'delete': {
              const old = server.get(action.name);
              if (old === undefined) break;
              version += 1;
              server.delete(action.name);
              history.push({ type: 'delete', object: object(action.name, version, old.metadata.uid) });
              break;
            }
            case 'watch':
              for (let count = 0; count <= action.events; count += 1) watchOne();
              break;
            case 'answer':
              answer(action.index);
              break;
            case 'beginList':
              if (listing === undefined) beginList();
              break;
            case 'endList':
              endList();
              break;
          }
          assert.deepEqual(heard, stored(), 'what was told is what is stored');
        }
        endList();
        while (watched < history.length) watchOne();
        while (answers.length > 0) answer(0);
        assert.deepEqual(stored(), server);
        assert.deepEqual(heard, server);
      }),
      { numRuns: 2_000 },
    );
  });
});
