/** What a client of the console says: five messages of the PostgreSQL protocol, version 3.0. */

/** The first message, which has no type. */
export function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const texts = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  const body = Buffer.from(`\0\x03\0\0${texts.join('')}\0`);
  return Buffer.concat([lengthOf(body), body]);
}

/** The choice of a mechanism, and its first words. */
export function saslBegin(mechanism: string, data: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(data));
  return message('p', Buffer.concat([Buffer.from(`${mechanism}\0`), length, Buffer.from(data)]));
}

export const saslContinue = (data: string): Buffer => message('p', Buffer.from(data));

/** A question in the simple protocol, the only one that a console takes. */
export const query = (text: string): Buffer => message('Q', Buffer.from(`${text}\0`));

export const terminate = (): Buffer => message('X', Buffer.alloc(0));

const message = (type: string, body: Buffer): Buffer => Buffer.concat([Buffer.from(type), lengthOf(body), body]);

/** Counts itself. */
function lengthOf(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return length;
}
