/** The little of DER that certificates are made of: each function makes one element, a tag, a length and what it holds. */

export function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body.length)]), body]);
}

export const sequence = (...parts: readonly Buffer[]): Buffer => element(0x30, ...parts);
export const set = (...parts: readonly Buffer[]): Buffer => element(0x31, ...parts);
/** @param value with the sign in its first bit */
export const integer = (value: Buffer): Buffer => element(0x02, value);
/** A bit string of whole bytes. */
export const bits = (value: Buffer): Buffer => element(0x03, Buffer.from([0]), value);
export const text = (value: string): Buffer => element(0x0c, Buffer.from(value));
/** An element that is written out: an object identifier, a constant. */
export const literal = (hexadecimal: string): Buffer => Buffer.from(hexadecimal, 'hex');

/**
 * UTCTime until 2049, as X.509 wants it, and GeneralizedTime from then on.
 * @param at milliseconds since 1970; fractions of a second are cut
 */
export function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\.\d+|[-:T]/g, '');
  return digits < '2050' ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}

/** An extension of a certificate; a critical one must be understood by whoever reads it. */
export const extension = (oid: string, critical: boolean, value: Buffer): Buffer =>
  sequence(literal(oid), ...(critical ? [literal('0101ff')] : []), element(0x04, value));

export function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

const lengthOf = (length: number): readonly number[] =>
  length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
