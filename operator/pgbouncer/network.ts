/**
 * An address with its prefix length, as access rules have it. PgBouncer takes one whose bits reach past the prefix with
 * a warning and then never matches it, so that a rule that looks right lets nobody in, or keeps nobody out.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** @returns what is wrong with it, as half a sentence */
export function networkProblem(text: string): string | undefined {
  const [address = '', prefix, more] = text.split('/');
  const family = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : undefined;
  if (family === undefined) return `has no address like 10.0.0.0/8 or fd00::/8, but ${text}`;
  if (prefix === undefined)
    return `has an address without the length of its network (${text}/${family} is one machine)`;
  if (more !== undefined || !/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > family)
    return `has a network that is not as long as 0 to ${family} bits`;
  const bits = bitsOf(address);
  const host = (1n << BigInt(family - Number(prefix))) - 1n;
  return (bits & host) === 0n
    ? undefined
    : `has an address that goes beyond its network: the first ${prefix} bits are ${networkOf(bits & ~host, family)}/${prefix}`;
}

function bitsOf(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
  // The last 32 bits may be written as IPv4.
  const plain = address.replace(/(?<=:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const pair = (high: string, low: string): string => ((Number(high) << 8) | Number(low)).toString(16);
    return `${pair(a, b)}:${pair(c, d)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (part: string): readonly string[] => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const middle = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...middle, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

function networkOf(bits: bigint, family: number): string {
  const [width, base, separator] = family === 32 ? [8, 10, '.'] : [16, 16, ':'];
  const count = family / width;
  return Array.from({ length: count }, (_, index) =>
    ((bits >> BigInt((count - 1 - index) * width)) & ((1n << BigInt(width)) - 1n)).toString(base),
  ).join(separator);
}
