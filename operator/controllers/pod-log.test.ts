import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainChange, explainLog, explainReload, explainServers, redact } from './pod-log.ts';

const at = (line: string): string => `2026-11-21 09:00:00.000 UTC [1] ${line}`;

/** Lines as PgBouncer 1.18 to 1.26 write them. */
const REFUSALS: readonly {
  readonly what: string;
  readonly log: readonly string[];
  readonly found: string | undefined;
}[] = [
  {
    what: 'a parameter that it does not know',
    log: [
      'LOG RELOAD command issued',
      'ERROR unknown parameter: pgbouncer/stray',
      'WARNING config file loading failed',
    ],
    found: 'unknown parameter: pgbouncer/stray',
  },
  {
    what: 'a value, without the value',
    log: ['ERROR invalid value "planted-secret" for parameter pool_size in configuration (/etc/pgbouncer/9f2c.ini:7)'],
    found: 'invalid value for parameter pool_size in configuration (9f2c.ini:7)',
  },
  {
    what: 'a connection string with quotes in it, without the string',
    log: [
      `ERROR invalid value "host='pg' password='planted "secret"' x=1" for parameter app in configuration (/etc/pgbouncer/a.ini:2)`,
    ],
    found: 'invalid value for parameter app in configuration (a.ini:2)',
  },
  {
    what: 'a line that it cannot read',
    log: ['ERROR syntax error in configuration (/etc/pgbouncer/a.ini:3), stopping loading'],
    found: 'syntax error in configuration (a.ini:3), stopping loading',
  },
  { what: 'a broken userlist', log: ['ERROR broken auth file'], found: 'broken auth file' },
  {
    what: 'a broken access rule',
    log: ['WARNING could not parse hba config line 3'],
    found: 'could not parse hba config line 3',
  },
  {
    what: 'the first complaint, not the last',
    log: ['ERROR unknown parameter: pgbouncer/a', 'ERROR unknown parameter: pgbouncer/b'],
    found: 'unknown parameter: pgbouncer/a',
  },
  {
    what: 'no word of clients and servers',
    log: ["WARNING C-0x55d1: app/app@10.0.0.1:5 pooler error: unknown parameter 'x'", 'LOG all is well'],
    found: undefined,
  },
  { what: 'nothing but that it failed', log: ['WARNING config file loading failed'], found: undefined },
  { what: 'nothing at all', log: [''], found: undefined },
];

for (const { what, log, found } of REFUSALS) {
  test(`why a configuration is refused: ${what}`, () => {
    assert.equal(explainLog(log.map(at).join('\n')), found);
  });
}

const RELOAD = 'LOG RELOAD command issued';
const COMPLAINT = 'ERROR unknown parameter: databases/nonsense';

const RELOADS: readonly {
  readonly what: string;
  readonly log: readonly string[];
  readonly found: string | undefined;
}[] = [
  { what: 'of the last one', log: [RELOAD, RELOAD, COMPLAINT], found: 'unknown parameter: databases/nonsense' },
  {
    what: 'of the last but one, when the last has only begun',
    log: [RELOAD, COMPLAINT, RELOAD],
    found: 'unknown parameter: databases/nonsense',
  },
  { what: 'not of an earlier one', log: [RELOAD, COMPLAINT, RELOAD, RELOAD], found: undefined },
  { what: 'of the only one', log: [RELOAD, COMPLAINT], found: 'unknown parameter: databases/nonsense' },
  { what: 'not of the start', log: [COMPLAINT], found: undefined },
  { what: 'not of a log that cannot be read', log: [''], found: undefined },
];

for (const { what, log, found } of RELOADS) {
  test(`what a RELOAD complained about: ${what}`, () => {
    assert.equal(explainReload(log.map(at).join('\n')), found);
  });
}

const OUTAGES: readonly {
  readonly what: string;
  readonly log: readonly string[];
  readonly found: string | undefined;
}[] = [
  {
    what: 'a password that the server does not take',
    log: [
      'WARNING server login failed: FATAL password authentication failed for user "app"',
      'LOG S-0x55d1: app/app@10.0.0.1:5432 closing because: server login failed (age=0s)',
    ],
    found: 'app/app@10.0.0.1:5432 closing because: server login failed',
  },
  {
    what: 'nobody listens',
    log: ['LOG S-0x55d1: app/app@10.0.0.1:5432 closing because: connect failed (age=0s)'],
    found: 'app/app@10.0.0.1:5432 closing because: connect failed',
  },
  {
    what: 'the last complaint, not the first',
    log: [
      'LOG S-0x1: app/app@10.0.0.1:5432 closing because: connect failed (age=0s)',
      'WARNING DNS lookup failed: pg.example.com: result=1',
    ],
    found: 'DNS lookup failed: pg.example.com: result=1',
  },
  { what: 'nothing of the kind', log: ['LOG C-0x1: app/app login attempt'], found: undefined },
];

for (const { what, log, found } of OUTAGES) {
  test(`why a server cannot be reached: ${what}`, () => {
    assert.equal(explainServers(log.map(at).join('\n')), found);
  });
}

for (const { what, log, found } of [
  {
    what: 'its authority is a strange one',
    log: ['WARNING TLS handshake error: handshake failed: error:0A000086:SSL routines::certificate verify failed'],
    found: "the server's certificate is not signed by an authority of spec.tls.server",
  },
  {
    what: 'it has another name',
    log: ["WARNING TLS handshake error: name `10.0.0.7' not present in server certificate"],
    found: "name `10.0.0.7' not present in server certificate",
  },
  {
    what: 'something else is the matter',
    log: [
      "WARNING TLS handshake error: name `10.0.0.7' not present in server certificate",
      'LOG S-0x55: app/app@10.0.0.7:5432 closing because: connect failed (age=0s)',
    ],
    found: 'app/app@10.0.0.7:5432 closing because: connect failed',
  },
  {
    what: 'it was a client',
    log: [
      'WARNING TLS handshake error: handshake failed: error:0A0000C7:SSL routines::peer did not return a certificate',
    ],
    found: undefined,
  },
]) {
  test(`a server whose TLS is not taken is explained: ${what}`, () => {
    assert.equal(explainServers(log.map(at).join('\n')), found);
  });
}

test('what is quoted holds no password, and is not long', () => {
  for (const text of [
    "host=pg password='planted secret' port=1",
    'password=planted-secret',
    'PASSWORD = planted-secret',
  ]) {
    assert.ok(!redact(text).includes('planted'), redact(text));
  }
  assert.equal(redact('x'.repeat(500)).length, 201);
});

test('a change is explained by its own RELOAD: not by those that restored the process, nor by an earlier change', () => {
  const log = [
    'LOG RELOAD command issued',
    'ERROR unknown parameter: pgbouncer/of_the_change_before',
    'LOG RELOAD command issued',
    'LOG RELOAD command issued',
    'ERROR unknown parameter: pgbouncer/stray',
    'ERROR invalid value "x" for parameter pool_mode in configuration (/etc/pgbouncer/9f2c.ini:7)',
    'LOG RELOAD command issued',
    'LOG RELOAD command issued',
  ];
  assert.equal(explainChange(log.map(at).join('\n')), 'unknown parameter: pgbouncer/stray');
  assert.equal(explainChange(at('LOG RELOAD command issued')), undefined);
});
