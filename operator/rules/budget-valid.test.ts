import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetValid } from './budget-valid.ts';
import { FAULT, inShort, situationOf } from './testing/situation.ts';

test('BudgetValid: no budget is set', () => {
  assert.equal(inShort(budgetValid(situationOf())), 'True NoBudget');
});

test('BudgetValid: the arithmetic of each backend is shown', () => {
  const found = budgetValid(
    situationOf({
      budget: [
        { backend: 'primary', serverMaxConnections: 97, budget: 40, committed: 37 },
        { backend: 'replicas', budget: 10, committed: 10 },
      ],
    }),
  );
  assert.equal(inShort(found), 'True WithinBudget');
  assert.equal(found.message, 'primary: 37 of 40 connections committed; replicas: 10 of 10 connections committed');
});

test('BudgetValid: a budget that does not fit is told with its fault', () => {
  const found = budgetValid(situationOf({ faults: { budget: [FAULT] }, budget: [] }));
  assert.equal(inShort(found), 'False BudgetExceeded');
  assert.match(found.message, /spec\.x/);
});
