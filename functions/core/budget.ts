import * as z from 'zod'
import type { Policy } from './policy.ts'
import type { Key } from './ports.ts'

const HOUR_MS = 3_600_000

/** Every cut of the last hour and every one that is still open. One row, so that two functions cannot both take the last place. */
export const Budget = z.object({
  cuts: z.array(
    z.object({
      incident: z.string().max(64),
      at: z.number(),
      open: z.boolean(),
      /** It stands on a place of the reserve. */
      reserve: z.boolean().optional(),
    }),
  ),
})
export type Budget = z.infer<typeof Budget>

export const budgetKey: Key = { partition: 'budget', sort: 'cuts' }

export type Claimed =
  | { readonly granted: true; readonly budget: Budget }
  | { readonly granted: false; readonly reason: string }

export interface Claim {
  readonly incident: string
  /**
   * The incident names a known service, pool or alert, by what the instance itself sent. Only such a one may take a place of
   * the reserve: whoever makes many instances look odd must not use up what a proven breakout is cut with.
   */
  readonly identity: boolean
}

/** Takes a place for an incident's cut. An incident that has one keeps it: asking twice costs one place. */
export function claimCut(
  budget: Budget,
  { incident, identity }: Claim,
  now: number,
  inScope: number,
  limits: Policy['budget'],
): Claimed {
  const cuts = budget.cuts.filter(cut => cut.open || cut.at > now - HOUR_MS)
  if (cuts.some(cut => cut.incident === incident && cut.open)) return { granted: true, budget: { cuts } }
  const take = (reserve: boolean): Claimed => ({
    granted: true,
    budget: { cuts: [...cuts, { incident, at: now, open: true, ...(reserve ? { reserve } : {}) }] },
  })
  const of = (reserve: boolean) => cuts.filter(cut => (cut.reserve ?? false) === reserve)
  if (identity && spentOf(of(true), now, inScope, limits.reserve) === undefined) return take(true)
  const spent = spentOf(of(false), now, inScope, limits)
  if (spent === undefined) return take(false)
  return { granted: false, reason: `The budget is spent${identity ? ', and so is the reserve' : ''}: ${spent}` }
}

function spentOf(
  cuts: Budget['cuts'],
  now: number,
  inScope: number,
  { cutsPerHour, percentOfScope }: Policy['budget']['reserve'],
): string | undefined {
  const lately = cuts.filter(cut => cut.at > now - HOUR_MS).length
  if (lately >= cutsPerHour) return `${lately} cuts in the last hour, ${cutsPerHour} are allowed`
  const open = cuts.filter(cut => cut.open).length
  const allowed = Math.max(1, Math.floor((inScope * percentOfScope) / 100))
  return open < allowed
    ? undefined
    : `${open} of ${inScope} instances in scope are cut, ${allowed} (${percentOfScope} %) are allowed`
}

/** Gives the place among the open cuts back; within the hour the cut still counts. */
export function endCut(budget: Budget, incident: string): Budget {
  return { cuts: budget.cuts.map(cut => (cut.incident === incident ? { ...cut, open: false } : cut)) }
}
