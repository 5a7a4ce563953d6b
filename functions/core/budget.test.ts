import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Budget, claimCut, endCut } from './budget.ts'

const limits = { cutsPerHour: 2, percentOfScope: 10 }
const HOUR = 3_600_000

function claimed(budget: Budget, incident: string, now: number, inScope = 100): Budget {
  const answer = claimCut(budget, incident, now, inScope, limits)
  assert.ok(answer.granted, answer.granted ? '' : answer.reason)
  return answer.budget
}

test('claimCut() gives one incident one place however often it asks', () => {
  const once = claimed({ cuts: [] }, 'a', 0)
  assert.deepEqual(claimed(once, 'a', 1), once)
})

test('claimCut() refuses the cut past the hour’s number and says so', () => {
  const spent = claimed(claimed({ cuts: [] }, 'a', 0), 'b', 1)
  const answer = claimCut(spent, 'c', 2, 100, limits)
  assert.deepEqual(answer, {
    granted: false,
    reason: 'The budget is spent: 2 cuts in the last hour, 2 are allowed',
  })
})

test('claimCut() gives the hour’s places back when the hour is over', () => {
  const spent = claimed(claimed({ cuts: [] }, 'a', 0), 'b', 1)
  assert.ok(claimCut(spent, 'c', HOUR + 2, 100, limits).granted)
})

test('claimCut() never lets more of the scope be cut at once than the percentage, but always one', () => {
  const one = claimed({ cuts: [] }, 'a', 0, 9)
  const answer = claimCut(one, 'b', 1, 9, limits)
  assert.equal(answer.granted, false)
  assert.ok(!answer.granted && answer.reason.includes('1 of 9 instances in scope are cut'))
})

test('claimCut() counts an open cut however old it is', () => {
  const one = claimed({ cuts: [] }, 'a', 0, 10)
  assert.equal(claimCut(one, 'b', 100 * HOUR, 10, limits).granted, false)
  assert.ok(claimCut(endCut(one, 'a'), 'b', 100 * HOUR, 10, limits).granted)
})

test('endCut() does not refund the hour', () => {
  const spent = claimed(claimed({ cuts: [] }, 'a', 0), 'b', 1)
  assert.equal(claimCut(endCut(endCut(spent, 'a'), 'b'), 'c', 2, 100, limits).granted, false)
})
