/** An operator with one ready pooler and nothing to do: its memory, and the writes that the API server saw of it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { followAuditLog, isBy, isLease, isRead, isWrite } from '../cluster/audit.ts';
import { connect } from '../cluster/cluster.ts';
import { SYSTEM } from '../demo/operator.ts';
import { note, table } from '../demo/output.ts';
import type { Target } from '../demo/target.ts';
import { type BenchOptions, NAMESPACE } from './installation.ts';

export async function benchIdle(target: Target, { minutes }: BenchOptions): Promise<object> {
  const sample = await readFile('manifests/samples/high-concurrency.yaml', 'utf8');
  await target.kubectl(['-n', NAMESPACE, 'apply', '-f', '-'], { input: sample });
  await target.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Ready', 'cpool/app', '--timeout=120s']);
  note('waiting a minute, until everything has settled');
  await sleep(60_000);
  const since = new Date().toISOString();
  note(`watching for ${minutes} minutes`);
  await sleep(minutes * 60_000);

  const cluster = await connect();
  const calls = (await followAuditLog(cluster.auditLog).read())
    .filter(isBy('poolkeeper/'))
    .filter((event) => event.requestReceivedTimestamp >= since && !isLease(event));
  const writes = calls.filter(isWrite);
  const reads = calls.filter(isRead);
  const pod = await target.kubectl([
    '-n',
    SYSTEM,
    'get',
    'pods',
    '-l',
    'app.kubernetes.io/name=poolkeeper',
    '-o',
    'jsonpath={.items[0].metadata.name}',
  ]);
  const metrics = await target.kubectl(['get', '--raw', `/api/v1/namespaces/${SYSTEM}/pods/${pod}:8080/proxy/metrics`]);
  const rss = Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1] ?? 0) / 1024 / 1024;
  table([
    ['idle operator', `${minutes} minutes`],
    ['API writes (leases aside)', writes.length],
    ['API reads (watches aside)', reads.length],
    ['resident memory', `${rss.toFixed(1)} MiB`],
  ]);
  for (const write of writes) note(`${write.verb} ${write.objectRef?.resource} ${write.objectRef?.name}`);
  return { bench: 'idle', minutes, writes: writes.length, reads: reads.length, rssMiB: Math.round(rss * 10) / 10 };
}
