import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isWellFormed } from './backend-message.ts';

const column = `name\0${'\0'.repeat(18)}`;

const WELL_FORMED: readonly (readonly [type: string, body: string])[] = [
  ['R', '\0\0\0\0'],
  ['R', '\0\0\0\x0aSCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0'],
  ['R', '\0\0\0\x0br=nonce,s=salt,i=4096'],
  ['E', 'SERROR\0C42601\0Mno such command\0\0'],
  ['N', '\0'],
  ['S', 'server_version\x001.26.1/bouncer\0'],
  ['C', 'SHOW\0'],
  ['T', '\0\0'],
  ['T', `\0\x02${column}${column}`],
  ['D', '\0\0'],
  ['D', '\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0'],
  ['K', '\0\0\0\0\0\0\0\0'],
  ['Z', 'I'],
  ['I', ''],
];

describe('the form of a message', () => {
  for (const [type, body] of WELL_FORMED) {
    const bytes = Buffer.from(body, 'latin1');
    it(`accepts ${type} ${JSON.stringify(body)}`, () => assert.equal(isWellFormed(type, bytes), true));

    it(`refuses ${type} ${JSON.stringify(body)} with its end cut off`, () => {
      // What SASL says in the middle is free text, whose end the frame decides.
      if (type === 'R' && body.startsWith('\0\0\0\x0b')) return;
      for (let length = 0; length < bytes.length; length += 1) {
        const rest = bytes.subarray(0, length);
        assert.equal(isWellFormed(type, rest), false, JSON.stringify(rest.toString('latin1')));
      }
    });
  }

  it('refuses types that a console does not send', () => {
    for (const type of 'AGHVWdcnst123v') assert.equal(isWellFormed(type, Buffer.alloc(4)), false, type);
  });

  it('judges any bytes without failing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...'RENSKTDCIZ'), fc.uint8Array({ maxLength: 40 }), (type, bytes) => {
        assert.equal(typeof isWellFormed(type, Buffer.from(bytes)), 'boolean');
      }),
    );
  });
});
