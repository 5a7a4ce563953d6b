import * as z from 'zod'
import type { Policy } from './policy.ts'
import type { Key } from './ports.ts'

const HOUR_MS = 3_600_000

/** Every cut of the last hour and every one that is still open. One row, so that two functions cannot both take the last place. */
export const Budget = z.object({
  cuts: z.array(z.object({ incident: z.string().max(64), at: z.number(), open: z.boolean() })),
})
export type Budget = z.infer<typeof Budget>

export const budgetKey: Key = { partition: 'budget', sort: 'cuts' }

export type Claimed =
  | { readonly granted: true; readonly budget: Budget }
  | { readonly granted: false; readonly reason: string }

/** Takes a place for an incident's cut. An incident that has one keeps it: asking twice costs one place. */
export function claimCut(
  budget: Budget,
  incident: string,
  now: number,
  inScope: number,
  limits: Policy['budget'],
): Claimed {
  const cuts = budget.cuts.filter(cut => cut.open || cut.at > now - HOUR_MS)
  if (cuts.some(cut => cut.incident === incident && cut.open)) return { granted: true, budget: { cuts } }
  const lately = cuts.filter(cut => cut.at > now - HOUR_MS).length
  if (lately >= limits.cutsPerHour)
    return {
      granted: false,
      reason: `The budget is spent: ${lately} cuts in the last hour, ${limits.cutsPerHour} are allowed`,
    }
  const open = cuts.filter(cut => cut.open).length
  const allowed = Math.max(1, Math.floor((inScope * limits.percentOfScope) / 100))
  if (open >= allowed)
    return {
      granted: false,
      reason: `The budget is spent: ${open} of ${inScope} instances in scope are cut, ${allowed} (${limits.percentOfScope} %) are allowed`,
    }
  return { granted: true, budget: { cuts: [...cuts, { incident, at: now, open: true }] } }
}

/** Gives the place among the open cuts back; within the hour the cut still counts. */
export function endCut(budget: Budget, incident: string): Budget {
  return { cuts: budget.cuts.map(cut => (cut.incident === incident ? { ...cut, open: false } : cut)) }
}
