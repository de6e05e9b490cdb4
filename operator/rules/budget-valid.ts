/** BudgetValid: what all replicas may open fits the stated budgets, also during a rollout. */

import type { Finding, Situation } from './situation.ts';
import { describeFaults } from './stalled.ts';

export function budgetValid(situation: Situation): Finding {
  if (situation.faults.budget.length > 0) {
    return { status: 'False', reason: 'BudgetExceeded', message: describeFaults(situation.faults.budget) };
  }
  if (situation.budget.length === 0)
    return { status: 'True', reason: 'NoBudget', message: 'no connectionBudget is set' };
  const rows = situation.budget.map((row) => `${row.backend}: ${row.committed} of ${row.budget} connections committed`);
  return { status: 'True', reason: 'WithinBudget', message: rows.join('; ') };
}
