import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../testing/properties.ts';
import { columnsOf, complaintOf, isWellFormed, valuesOf } from './backend-message.ts';

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

describe('what is in a message', () => {
  it('is the names of the columns', () => {
    assert.deepEqual(columnsOf(Buffer.from(`\0\x02${column}other\0${'\0'.repeat(18)}`)), ['name', 'other']);
    assert.deepEqual(columnsOf(Buffer.from('\0\0')), []);
  });

  it('is the values of a row, NULL and empty ones told apart', () => {
    const row = Buffer.from('\0\x03\0\0\0\x03a\xc3\xa9\xff\xff\xff\xff\0\0\0\0', 'latin1');
    assert.deepEqual(valuesOf(row), ['aé', null, '']);
  });

  it('is what went wrong', () => {
    const text = 'SERROR\0VERROR\0C42601\0Mno such command: ""\0\0';
    assert.deepEqual(complaintOf(Buffer.from(text)), {
      severity: 'ERROR',
      code: '42601',
      message: 'no such command: ""',
    });
    assert.deepEqual(complaintOf(Buffer.from('\0')), { severity: '', code: '', message: '' });
  });

  it('is read from any well-formed bytes without failing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...'TDE'), fc.uint8Array({ maxLength: 60 }), (type, bytes) => {
        const body = Buffer.from(bytes);
        if (!isWellFormed(type, body)) return;
        for (const read of [{ T: columnsOf, D: valuesOf, E: complaintOf }[type]]) read?.(body);
      }),
    );
  });
});
