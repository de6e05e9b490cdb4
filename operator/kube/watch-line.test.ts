import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGone, ProtocolError } from './errors.ts';
import { parseWatchLine } from './watch-line.ts';

const PATH = '/api/v1/secrets';
const metadata = { name: 'a', resourceVersion: '7' };

describe('a line of a watch', () => {
  for (const [type, meaning] of [
    ['ADDED', 'apply'],
    ['MODIFIED', 'apply'],
    ['DELETED', 'delete'],
  ] as const) {
    it(`of type ${type} means ${meaning}`, () => {
      const line = parseWatchLine(JSON.stringify({ type, object: { metadata } }), PATH);
      assert.deepEqual(line, { type: meaning, object: { metadata }, resourceVersion: '7' });
    });
  }

  it('of type BOOKMARK moves on without an object', () => {
    const line = JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } });
    assert.deepEqual(parseWatchLine(line, PATH), { type: 'bookmark', resourceVersion: '9' });
  });

  it('of type ERROR is the error that it carries', () => {
    const line = JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
    assert.throws(() => parseWatchLine(line, PATH), isGone);
  });

  for (const [what, line] of [
    ['half a line', '{"type":"ADDED","object":{"metadata":{"name":"a","data":{"password":"plan'],
    ['no JSON', 'planted'],
    ['JSON that is no object', '"planted"'],
    ['null', 'null'],
    ['an event without an object', '{"type":"ADDED"}'],
    ['an object that is a text', '{"type":"ADDED","object":"planted"}'],
    ['an object without metadata', '{"type":"ADDED","object":{"data":"planted"}}'],
    ['an object without a name', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}'],
    ['an object without a version', '{"type":"ADDED","object":{"metadata":{"name":"a"}}}'],
    ['a bookmark without a version', '{"type":"BOOKMARK","object":{"metadata":{}}}'],
    ['an unknown type', '{"type":"PLANTED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}'],
    ['a type that is no text', '{"type":7,"object":{"metadata":{"name":"a","resourceVersion":"1"}}}'],
  ] as const) {
    it(`that is ${what} is refused, and not repeated`, () => {
      assert.throws(
        () => parseWatchLine(line, PATH),
        (error: Error) => {
          assert.ok(error instanceof ProtocolError);
          assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /plan/i);
          return true;
        },
      );
    });
  }
});
