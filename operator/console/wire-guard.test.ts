import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { authentication, message } from './testing/wire.ts';
import { createWireGuard, type Violation } from './wire-guard.ts';

const LIMITS = { maxBytes: 1_000, maxRows: 3 };
const row = message('D', Buffer.from([0, 0]));
const notice = (length: number): Buffer => message('N', `M${'x'.repeat(length)}\0\0`);
/** A login by SCRAM as a server speaks it. */
const LOGIN = Buffer.concat([
  authentication(10, 'SCRAM-SHA-256\0\0'),
  authentication(11),
  authentication(12),
  authentication(0),
  message('Z', 'I'),
]);

/** What a guard says of chunks, until its first violation. */
function judge(chunks: readonly Buffer[], guard = createWireGuard(LIMITS)): Violation | undefined {
  for (const chunk of chunks) {
    const violation = guard.check(chunk);
    if (violation) return violation;
  }
  return undefined;
}

describe('the guard on the wire', () => {
  it('lets a login by SCRAM and an answer pass', () => {
    assert.equal(
      judge([LOGIN, message('T', Buffer.from([0, 0])), row, row, message('C', 'SHOW\0'), message('Z', 'I')]),
      undefined,
    );
  });

  it('judges the same however the bytes are cut', () => {
    const streams = [
      LOGIN,
      Buffer.concat([LOGIN, row, row, row, row]),
      authentication(3),
      authentication(0),
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      message('E', 'x'.repeat(2_000)),
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...streams),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (stream, sizes) => {
          const chunks: Buffer[] = [];
          for (let at = 0, index = 0; at < stream.length; index += 1) {
            const size = sizes[index % sizes.length] ?? 1;
            chunks.push(stream.subarray(at, at + size));
            at += size;
          }
          assert.deepEqual(judge(chunks)?.kind, judge([stream])?.kind);
        },
      ),
    );
  });

  for (const [what, chunk] of [
    ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a message shorter than its own length', message('Z', '', 3)],
    ['an authentication without its kind', message('R', '')],
    ['zeros', Buffer.alloc(20)],
    ['a text without an end', message('S', 'no end')],
    ['fields without an end', message('E', 'SERROR\0')],
    ['a row with a field that reaches beyond it', message('D', Buffer.from([0, 1, 0, 0, 0, 9, 1]))],
    ['columns that are not there', message('T', Buffer.from([255, 255]))],
    ['a message that a console does not send', message('G', Buffer.from([0, 0, 0]))],
  ] as const) {
    it(`takes ${what} for garbage`, () => assert.equal(judge([chunk, Buffer.alloc(20)])?.kind, 'garbage'));
  }

  for (const [what, chunks] of [
    ['a message that announces more bytes than allowed', [LOGIN, message('D', '', 1_001)]],
    ['more bytes than allowed in small messages', [LOGIN, ...Array.from({ length: 10 }, () => notice(100))]],
    ['more rows than allowed', [LOGIN, row, row, row, row]],
  ] as const) {
    it(`stops ${what}`, () => assert.equal(judge(chunks)?.kind, 'too-much'));
  }

  it('allows a login less than an answer', () => {
    const guard = createWireGuard({ maxBytes: 1_000_000, maxRows: 3 });
    assert.equal(guard.check(notice(70_000))?.kind, 'too-much');
    const later = createWireGuard({ maxBytes: 1_000_000, maxRows: 3 });
    later.nextAnswer();
    assert.equal(later.check(notice(70_000)), undefined);
  });

  it('lets a server choose a sensible number of SCRAM iterations, and no other', () => {
    const first = (iterations: string) => judge([authentication(11, `r=nonce,s=c2FsdA==,i=${iterations}`)]);
    assert.equal(first('4096'), undefined);
    assert.equal(first('10000'), undefined);
    for (const many of ['10001', '2147483648', '9'.repeat(400)]) assert.equal(first(many)?.kind, 'too-much', many);
  });

  it('takes more columns than any answer has for garbage', () => {
    const columns = (count: number): Buffer => {
      const body = Buffer.alloc(2 + 19 * count);
      body.writeUInt16BE(count);
      return message('T', body);
    };
    const wide = { maxBytes: 1_000_000, maxRows: 3 };
    assert.equal(judge([columns(200)], createWireGuard(wide)), undefined);
    assert.equal(judge([columns(201)], createWireGuard(wide))?.kind, 'garbage');
  });

  it('takes bytes one by one without going over them again and again', () => {
    const guard = createWireGuard({ maxBytes: 1_000_000, maxRows: 3 });
    guard.nextAnswer();
    const bytes = notice(300_000);
    for (let at = 0; at < bytes.length; at += 1) assert.equal(guard.check(bytes.subarray(at, at + 1)), undefined);
  });

  it('counts bytes and rows anew for each answer', () => {
    const guard = createWireGuard(LIMITS);
    for (let answer = 0; answer < 10; answer += 1) {
      guard.nextAnswer();
      assert.equal(judge([row, row, row, notice(500)], guard), undefined);
    }
  });

  for (const [what, kind] of [
    ['the password in clear', 3],
    ['the password as an md5 hash', 5],
    ['a login by GSSAPI', 7],
  ] as const) {
    it(`refuses a server that asks for ${what}`, () =>
      assert.equal(judge([authentication(kind)])?.kind, 'unsafe-login'));
  }

  it('refuses a server that lets in without having proved that it knows the password', () => {
    assert.equal(judge([authentication(0)])?.kind, 'unsafe-login');
    assert.equal(
      judge([authentication(10, 'SCRAM-SHA-256\0\0'), authentication(11), authentication(0)])?.kind,
      'unsafe-login',
    );
  });
});
