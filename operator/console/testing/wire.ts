/** Messages of the PostgreSQL protocol, for servers of tests that misbehave. */

/** @param length what the message says of itself, when that is not the truth */
export function message(type: string, body: string | Buffer, length?: number): Buffer {
  const content = Buffer.from(body);
  const head = Buffer.alloc(5, type);
  head.writeUInt32BE(length ?? content.length + 4, 1);
  return Buffer.concat([head, content]);
}

/** 0 is success, 3 clear text, 5 md5, 10-12 SASL. */
export function authentication(kind: number, data: string | Buffer = ''): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(kind);
  return message('R', Buffer.concat([head, Buffer.from(data)]));
}
