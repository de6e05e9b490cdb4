import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apiVersionOf, DEPLOYMENTS, NAMESPACES, PODS, resourcePath } from './resources.ts';

describe('paths in the API', () => {
  for (const [what, path, expected] of [
    ['a core kind, all namespaces', resourcePath(PODS), '/api/v1/pods'],
    ['a core kind in a namespace', resourcePath(PODS, 'shop'), '/api/v1/namespaces/shop/pods'],
    ['an object', resourcePath(DEPLOYMENTS, 'shop', 'app'), '/apis/apps/v1/namespaces/shop/deployments/app'],
    ['a subresource', resourcePath(PODS, 'shop', 'app-1', 'log'), '/api/v1/namespaces/shop/pods/app-1/log'],
    ['a kind without namespaces', resourcePath(NAMESPACES, undefined, 'shop'), '/api/v1/namespaces/shop'],
    ['a name that is none', resourcePath(PODS, 'a/b', '../x'), '/api/v1/namespaces/a%2Fb/pods/..%2Fx'],
  ] as const) {
    it(`of ${what}: ${expected}`, () => assert.equal(path, expected));
  }

  it('go with versions', () => {
    assert.deepEqual([apiVersionOf(PODS), apiVersionOf(DEPLOYMENTS)], ['v1', 'apps/v1']);
  });
});
