/** Stalled: nothing will change until a person changes something. */
import { type Fault, formatFault } from '../api/fault.ts';
import { describeDenied, isUndecided } from './denied.ts';
import type { Finding, Situation } from './situation.ts';

/** How many faults a message spells out. */
const SPELLED_OUT = 5;

export function stalled(situation: Situation): Finding {
  const { spec, budget } = situation.faults;
  if (spec.length > 0) return { status: 'True', reason: 'InvalidSpec', message: describeFaults(spec) };
  if (budget.length > 0) return { status: 'True', reason: 'BudgetExceeded', message: describeFaults(budget) };
  const [collision] = situation.collisions;
  if (collision !== undefined) {
    return {
      status: 'True',
      reason: 'NameCollision',
      message: `${collision.object} exists and belongs to ${collision.owner}; ${collision.remedy ?? 'rename the pooler, or remove that object'}`,
    };
  }
  if (situation.denied !== undefined && !isUndecided(situation.denied)) return describeDenied(situation.denied);
  if (situation.versionMismatch !== undefined) {
    const { stated, found } = situation.versionMismatch;
    return {
      status: 'True',
      reason: 'VersionMismatch',
      message: `the image holds PgBouncer ${found}, and the settings were rendered for ${stated}; set spec.version: "${found}"`,
    };
  }
  const { failed, desired } = situation.config;
  if (failed !== undefined && failed.revision === desired) {
    return {
      status: 'True',
      reason: 'ConfigRefused',
      message: `revision ${failed.revision} was rolled back: ${failed.reason}; it is tried again when the specification or a referenced Secret changes`,
    };
  }
  return { status: 'False', reason: 'NotStalled', message: 'nothing waits for a person' };
}

export function describeFaults(faults: readonly Fault[]): string {
  const lines = faults.slice(0, SPELLED_OUT).map(formatFault);
  const more = faults.length - lines.length;
  return more > 0 ? `${lines.join('. ')}. And ${more} more` : lines.join('. ');
}
