import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Budget, claimCut, endCut } from './budget.ts'
import { Policy } from './policy.ts'

const limits = { cutsPerHour: 2, percentOfScope: 10, reserve: { cutsPerHour: 1, percentOfScope: 10 } }
const HOUR = 3_600_000

const shape = (incident: string) => ({ incident, identity: false })
const identity = (incident: string) => ({ incident, identity: true })

function claimed(budget: Budget, incident: string, now: number, inScope = 100): Budget {
  const answer = claimCut(budget, shape(incident), now, inScope, limits)
  assert.ok(answer.granted, answer.granted ? '' : answer.reason)
  return answer.budget
}

test('claimCut() gives one incident one place however often it asks', () => {
  const once = claimed({ cuts: [] }, 'a', 0)
  assert.deepEqual(claimed(once, 'a', 1), once)
})

test('claimCut() refuses the cut past the hour’s number and says so', () => {
  const spent = claimed(claimed({ cuts: [] }, 'a', 0), 'b', 1)
  const answer = claimCut(spent, shape('c'), 2, 100, limits)
  assert.deepEqual(answer, {
    granted: false,
    reason: 'The budget is spent: 2 cuts in the last hour, 2 are allowed',
  })
})

test('claimCut() gives the hour’s places back when the hour is over', () => {
  const spent = claimed(claimed({ cuts: [] }, 'a', 0), 'b', 1)
  assert.ok(claimCut(spent, shape('c'), HOUR + 2, 100, limits).granted)
})

test('claimCut() never lets more of the scope be cut at once than the percentage, but always one', () => {
  const one = claimed({ cuts: [] }, 'a', 0, 9)
  const answer = claimCut(one, shape('b'), 1, 9, limits)
  assert.equal(answer.granted, false)
  assert.ok(!answer.granted && answer.reason.includes('1 of 9 instances in scope are cut'))
})

test('claimCut() counts an open cut however old it is', () => {
  const one = claimed({ cuts: [] }, 'a', 0, 10)
  assert.equal(claimCut(one, shape('b'), 100 * HOUR, 10, limits).granted, false)
  assert.ok(claimCut(endCut(one, 'a'), shape('b'), 100 * HOUR, 10, limits).granted)
})

test('endCut() does not refund the hour', () => {
  const spent = claimed(claimed({ cuts: [] }, 'a', 0), 'b', 1)
  assert.equal(claimCut(endCut(endCut(spent, 'a'), 'b'), shape('c'), 2, 100, limits).granted, false)
})

test('claimCut() keeps places for identities that no number of other cuts uses up', () => {
  const spent = claimed(claimed({ cuts: [] }, 'a', 0), 'b', 1)
  const kept = claimCut(spent, identity('c'), 2, 100, limits)
  assert.ok(kept.granted)
  assert.deepEqual(claimCut(kept.budget, identity('d'), 3, 100, limits), {
    granted: false,
    reason: 'The budget is spent, and so is the reserve: 2 cuts in the last hour, 2 are allowed',
  })
})

test('claimCut() takes the reserve first, so that identities leave the budget to the others', () => {
  const one = claimCut({ cuts: [] }, identity('a'), 0, 100, limits)
  assert.ok(one.granted)
  const spent = claimed(claimed(one.budget, 'b', 1), 'c', 2)
  assert.equal(claimCut(spent, shape('d'), 3, 100, limits).granted, false)
})

test('claimCut() keeps an open place for an identity where decoys hold the share of the scope', () => {
  const decoy = claimed({ cuts: [] }, 'a', 0, 9)
  assert.equal(claimCut(decoy, shape('b'), 100 * HOUR, 9, limits).granted, false)
  assert.ok(claimCut(decoy, identity('b'), 100 * HOUR, 9, limits).granted)
})

test('a budget allows three cuts an hour and one in twenty of the scope, and as many identities besides, by default', () => {
  const places = { cutsPerHour: 3, percentOfScope: 5 }
  assert.deepEqual(Policy.parse({}).budget, { ...places, reserve: places })
})
