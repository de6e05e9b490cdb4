/** What somebody writes into a field who hopes to be more than its value. */
export const PAYLOADS: readonly string[] = [
  // A new line, and with it a directive.
  ...[
    'x\nadmin_users = x',
    'x\n%include /etc/passwd',
    'x\r\n[pgbouncer]\nadmin_users=x',
    '\n[databases]\nevil = host=x',
  ],
  ...['x\rstats_users=x', 'x\n', '\nx', "x'\nevil = host='x"],
  // The end of the file, for C.
  ...['x\0', '\0', 'x\0\nadmin_users=x'],
  // Other control characters, and half of a character.
  ...['x\x1b[2J', 'x\x7fy', 'x\u0085admin_users=x', 'x\x0badmin_users=x', 'x\tport=1', 'x\ud800', '\udc00x'],
  // The end of a line, a space or nothing, elsewhere.
  ...['x\u2028admin_users = x', 'x\u2029[pgbouncer]', '\ufeffx', 'x\u00a0y', 'x\u200by', 'x\u202ey'],
  // Quotes, and what is none.
  ...[
    "'",
    '"',
    "''",
    "x'",
    "x' host='evil",
    "x'' pool_size='9",
    'x" "y',
    'x""y',
    "x\\' host=evil",
    'x\\',
    '\\n',
    '\\x0a',
  ],
  // Comments, sections, includes, pairs and lists.
  ...[
    '; x',
    '# x',
    'x ; y',
    'x # y',
    '%include /x',
    '[pgbouncer]',
    'x = y',
    'x=y host=evil',
    'x,y',
    'x, y',
    ' x',
    'x ',
  ],
  // Words that the files know.
  ...['*', 'all', '+all', '@/etc/passwd', 'replication', 'sameuser', 'pgbouncer', 'poolkeeper', 'ERROR', '<empty>'],
  // Bytes that count otherwise than characters, and much of it.
  ...['🐘', 'é', '\u0301', '🐘'.repeat(40), 'x'.repeat(1024), "'".repeat(63), '"'.repeat(63)],
];
