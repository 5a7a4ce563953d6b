import * as z from 'zod'
import type { Description } from './description.ts'
import { Mode, ModeException, Suppression } from './exceptions.ts'
import type { Finding } from './finding.ts'
import type { Incident } from './incident.ts'
import type { InstanceRow } from './inventory.ts'
import { matches, TagSelector } from './tag-selector.ts'

/** Places for cuts, in an hour and at one time. */
const places = (cutsPerHour: number, percentOfScope: number) => ({
  cutsPerHour: z.number().int().min(0).max(10_000).default(cutsPerHour),
  /** Of the instances in scope, open cuts at one time; never less than one. */
  percentOfScope: z.number().min(0).max(100).default(percentOfScope),
})

export const Policy = z.strictObject({
  scope: TagSelector.prefault('firebreak:scope=agent'),
  exemption: TagSelector.prefault('firebreak:exempt=true'),
  drill: TagSelector.prefault('firebreak:drill=true'),
  /** Exempt whatever their tags say: configuration cannot be written by an intruder. */
  exemptInstances: z.array(z.string().max(64)).max(10_000).default([]),
  /** observe: report what would be cut · approve: wait for a person · enforce: cut. */
  mode: Mode.default('observe'),
  /** Where another mode holds: the first that applies to a rule's signals. */
  modes: z.array(ModeException).max(100).default([]),
  suppressions: z.array(Suppression).max(1000).default([]),
  /** An approval that comes later after the newest finding is refused: by then somebody else may hold the addresses. */
  approvalHours: z.number().min(1).max(720).default(24),
  /** Of a finding whose newest record is older nobody knows what it may be: a person decides. */
  staleAfterHours: z.number().min(1).max(720).default(6),
  budget: z
    .strictObject({
      /** A breakout is rare; more in an hour is more likely a rule gone wrong or an outage in the making. */
      ...places(3, 5),
      /** Besides, for findings of a known service, pool or alert alone, so that decoys do not use up what these need. */
      reserve: z.strictObject(places(3, 5)).prefault({}),
    })
    .prefault({}),
})
export type Policy = z.infer<typeof Policy>

const HOUR_MS = 3_600_000

/** Tags can be written by an intruder: what was in scope stays so for this long, and an exemption must be older. */
export const TAG_TRUST_MS = 24 * HOUR_MS

/** The last moment that a Date can hold (ECMA-262, Time Values and Time Range). */
const MAX_DATE = 8.64e15

/** Clocks differ; records that are newer than now by more are forged. */
const AHEAD_MS = HOUR_MS

export interface Judged {
  readonly verdict: Incident['verdict']
  readonly reason: string
}

const CONFIGURED_EXEMPT = 'The configuration exempts the instance'

/** Milliseconds since the epoch; 0 for a finding that rests on nothing. */
function newestOf({ signals }: Finding): number {
  return Math.max(...signals.map(signal => signal.last), 0) * 1000
}

/** Why a finding is not acted upon, whatever it says: its records are old, as when it is replayed, or none, or not yet. */
export function staleness(finding: Finding, { staleAfterHours }: Policy, now: number): string | undefined {
  const newest = newestOf(finding)
  if (newest === 0) return 'The finding rests on no record'
  if (newest > now + AHEAD_MS) return `The newest record is from ${isoOf(newest)}, which is yet to come`
  if (newest < now - staleAfterHours * HOUR_MS)
    return `The newest record is from ${isoOf(newest)}, more than ${staleAfterHours} hours ago`
  return undefined
}

function isoOf(at: number): string {
  return at <= MAX_DATE ? new Date(at).toISOString() : `${at} ms`
}

function goneOf(description: Description | undefined): string | undefined {
  if (!description) return 'The cloud knows no such instance'
  return ['terminated', 'shutting-down'].includes(description.state)
    ? `The instance is ${description.state}`
    : undefined
}

/** Why the instance must not be cut whatever was found and whoever approves: gone, exempt, or out of scope. */
export function refusalOf(
  instance: string,
  description: Description | undefined,
  row: InstanceRow | undefined,
  policy: Policy,
  now: number,
): string | undefined {
  const gone = goneOf(description)
  if (gone !== undefined || !description) return gone
  if (policy.exemptInstances.includes(instance)) return CONFIGURED_EXEMPT
  const exempt = matches(description.tags, policy.exemption)
  if (exempt && row?.exemptSince !== undefined && row.exemptSince <= now - TAG_TRUST_MS)
    return 'The instance has carried the exemption tag for more than 24 hours'
  const lately = row?.scopedAt !== undefined && row.scopedAt > now - TAG_TRUST_MS
  if (!lately && !matches(description.tags, policy.scope))
    return 'The instance is not in scope and was not within the last 24 hours'
  return undefined
}

/**
 * Whether policy lets a finding cut its instance. The budget is not asked here: it is claimed when the incident is written.
 * `row` is what the inventory knows; without it only the live tags speak, and no exemption by tag can be old enough.
 */
export function judge(
  finding: Finding,
  description: Description | undefined,
  row: InstanceRow | undefined,
  policy: Policy,
  now: number,
): Judged {
  const gone = goneOf(description)
  if (gone !== undefined || !description) return { verdict: 'refused', reason: gone ?? '' }
  if (finding.account !== description.account)
    return { verdict: 'refused', reason: 'The finding is about an instance of another account' }
  const newest = newestOf(finding)
  if (newest > 0 && newest < description.launchedAt)
    return { verdict: 'refused', reason: 'The records are older than the instance: another one held its address then' }
  if (finding.drill) {
    if (policy.exemptInstances.includes(finding.instance)) return { verdict: 'refused', reason: CONFIGURED_EXEMPT }
    if (matches(description.tags, policy.drill))
      return { verdict: 'isolate', reason: 'A drill on an instance with the drill tag' }
    return { verdict: 'refused', reason: 'A drill needs the drill tag on the instance' }
  }
  const refusal = refusalOf(finding.instance, description, row, policy, now)
  if (refusal !== undefined) return { verdict: 'refused', reason: refusal }
  if (finding.decision !== 'isolate')
    return { verdict: 'alert', reason: `The score ${finding.score} reports the instance and does not cut it` }
  if (policy.mode === 'observe') return { verdict: 'observe', reason: 'The mode is observe: this would have been cut' }
  const stale = staleness(finding, policy, now)
  if (stale !== undefined) return { verdict: 'approval', reason: `${stale}: a person decides` }
  if (policy.mode === 'approve') return { verdict: 'approval', reason: 'The mode is approve: a person decides' }
  return { verdict: 'isolate', reason: `The score is ${finding.score} and the mode is enforce` }
}
