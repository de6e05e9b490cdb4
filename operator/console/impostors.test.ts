import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readPools, readVersion } from '../pgbouncer/show.ts';
import { readMarker } from './marker.ts';
import { openSession } from './session.ts';
import { AFTER_LOGIN, BEFORE_LOGIN, ESCAPED_POOL, type Impostor, IN_POOLS } from './testing/impostors.ts';
import { startScriptedServer } from './testing/scripted-server.ts';

const PASSWORD = 'the-admin-password-that-nobody-gets';

/** What a session with an impostor ends with, and what the impostor got to see. */
async function meet({ act }: Impostor): Promise<{ readonly said: string; readonly received: Buffer }> {
  const server = await startScriptedServer((socket) => act(socket, { poolkeeper: PASSWORD }));
  try {
    const session = await openSession({
      ...server,
      user: 'poolkeeper',
      password: PASSWORD,
      connectTimeoutMs: 3_000,
      queryTimeoutMs: 3_000,
      limits: { maxBytes: 2 * 1024 * 1024, maxRows: 5_000 },
    });
    try {
      readVersion(await session.show('VERSION'));
      const pools = readPools(await session.show('POOLS'));
      if (pools.length > 0) return { said: JSON.stringify(pools), received: server.received() };
      return { said: `the revision is ${await readMarker(session)}`, received: server.received() };
    } finally {
      await session.close();
    }
  } catch (error) {
    return { said: error instanceof Error ? error.message : String(error), received: server.received() };
  } finally {
    await server.stop();
  }
}

const CONTROL = /\p{Cc}|\u202e/u;

describe("an impostor on a pod's address", { concurrency: true }, () => {
  for (const impostor of [...BEFORE_LOGIN, ...IN_POOLS, ESCAPED_POOL]) {
    it(`that ${impostor.does} is found out, and its words do no harm`, async () => {
      const { said, received } = await meet(impostor);
      assert.match(said.replaceAll('\\\\', '\\'), impostor.fault);
      assert.doesNotMatch(said, CONTROL);
      assert.ok(said.length < 1_000, `${said.length} characters`);
      assert.ok(!received.includes(PASSWORD));
    });
  }
  for (const impostor of AFTER_LOGIN) {
    it(`that ${impostor.does} ends its session, and its words do no harm`, async () => {
      const { said, received } = await meet(impostor);
      assert.doesNotMatch(said, CONTROL);
      assert.ok(said.length < 1_000, `${said.length} characters`);
      assert.ok(!received.includes(PASSWORD));
    });
  }
});
