/** Cuts a stream of bytes into lines. What is no complete character or line waits; a line without end is refused. */
import { ProtocolError } from './errors.ts';

/** An object is at most some MiB in etcd. */
const LINE_LIMIT_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Empty lines are left out; what stands behind the last newline is a line too. @throws ProtocolError */
export const linesOf = (chunks: AsyncIterable<Buffer>, limitBytes = LINE_LIMIT_BYTES): AsyncGenerator<string> =>
  readLines(chunks, (line) => line, limitBytes);

/**
 * What `read` makes of each line. The line itself is gone then: a generator holds on to what it saw last for as long as it
 * waits for more, and that may be hours and the contents of a Secret.
 * @throws ProtocolError, or what `read` throws
 */
export async function* readLines<T>(
  chunks: AsyncIterable<Buffer>,
  read: (line: string) => T,
  limitBytes = LINE_LIMIT_BYTES,
): AsyncGenerator<T> {
  let parts: Buffer[] = [];
  let size = 0;
  const finish = (): readonly T[] => {
    const line = (parts.length === 1 ? parts[0] : Buffer.concat(parts))?.toString('utf8') ?? '';
    parts = [];
    size = 0;
    return line === '' ? [] : [read(line)];
  };
  const keep = (part: Buffer): void => {
    size += part.length;
    if (size > limitBytes) throw new ProtocolError(`a line of more than ${limitBytes} bytes`);
    if (part.length > 0) parts.push(part);
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      keep(chunk.subarray(from, end));
      from = end + 1;
      yield* finish();
    }
    keep(chunk.subarray(from));
  }
  yield* finish();
}
