import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from 'pg';
import { type RealPostgres, startPostgres } from '../console/testing/real-postgres.ts';
import { inOwnNetwork } from './testing/own-network.ts';
import { type Stage, startStage, until } from './testing/stage.ts';

const PASSWORD = 'the-password-of-app';

await inOwnNetwork(import.meta.filename, () => {
  describe('a pooler that is looked at', () => {
    let stage: Stage;
    let postgres: RealPostgres;
    before(async () => {
      postgres = await startPostgres('0.0.0.0');
      await postgres.sql(`CREATE ROLE app LOGIN PASSWORD '${PASSWORD}'`);
      await postgres.sql('CREATE DATABASE app OWNER app');
      stage = await startStage({ flags: ['--observe-interval=1s'] });
    });
    after(async () => {
      await stage?.stop();
      await postgres?.stop();
    });

    it('has no pools any more when it has no pods any more, in status and metrics', async () => {
      const backends = [{ host: '10.77.0.1', port: postgres.port }];
      await stage.proved('app', await stage.pooler('app', { backends }));
      const [pod] = await stage.pods('app');
      const client = new Client({
        host: pod?.address ?? '',
        port: 6432,
        user: 'app',
        password: PASSWORD,
        database: 'app',
      });
      client.on('error', () => undefined);
      await client.connect();
      await client.query('SELECT 1');
      const pools = async (): Promise<string> => JSON.stringify((await stage.read('app')).status?.pools ?? []);
      await until('the pool to be seen', async () => ((await pools()).includes('"app"') ? true : await pools()));
      const up = () => stage.operator.metric('pgbouncer_up', 'pooler="app"');
      assert.equal(await up(), 1);

      await stage.pooler('app', { backends, replicas: 0 });
      await until('the metrics to be without it', async () => ((await up()) === 0 ? true : 'it is up'));
      assert.equal(await stage.operator.metric('pgbouncer_pools_client_active_connections', 'pooler="app"'), 0);
      await until('the status to be without it', async () => ((await pools()) === '[]' ? true : await pools()));
      await client.end();
    });
  });
});
