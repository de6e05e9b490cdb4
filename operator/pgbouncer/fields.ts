/** The words of a line of access rules, or of maps. */

/** Quoted parts hold spaces and `#`; a bare `#` begins a comment. Undefined when a quote is not closed. */
export function splitFields(line: string): readonly string[] | undefined {
  const fields: string[] = [];
  const field = /[ \t]*((?:"(?:[^"]|"")*"|[^ \t"#])+)/y;
  for (;;) {
    const at = field.lastIndex;
    const match = field.exec(line);
    if (match?.[1] === undefined) return /^[ \t]*(#|$)/.test(line.slice(at)) ? fields : undefined;
    fields.push(match[1]);
  }
}
