import { Budget, budgetKey, type Claim, type Claimed, claimCut } from './budget.ts'
import { type DenialSettings, decideDenials } from './denial.ts'
import { RetryableError } from './errors.ts'
import { haltedBecause } from './halt.ts'
import type { Incident } from './incident.ts'
import { amendIncident, type Held, withLines } from './incident-store.ts'
import { dropLeases, holdLeases, leaseKey, leaveLeases } from './leases.ts'
import { peersOf } from './opening.ts'
import type { Run } from './playbook.ts'
import type { Policy } from './policy.ts'
import type { Ledger } from './ports.ts'
import { afterLostRace, MAX_RACES } from './races.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { Situation } from './survey.ts'

/** What an incident needs before its first change: a place in the budget, its restore point, what may be denied, the leases. */

/** Keeps an incident's row far below a ledger item's 400 KB. */
export const MAX_DENIALS = 128

export interface BudgetSettings {
  readonly policy: Policy
  /** From how many points on an identity reaches a cut alone. */
  readonly rules: RuleSettings
}

/** Where Firebreak is halted nothing new is cut. A cut without a place in the budget waits for a person; drills and approved cuts need none. */
export function fund(
  incident: Incident,
  situation: Situation,
  settings: BudgetSettings,
  now: number,
): { incident: Incident; budget?: Budget } {
  if (incident.verdict !== 'isolate' || incident.restorePoint !== undefined) return { incident }
  const halted = haltedBecause(situation.halt)
  if (halted !== undefined)
    return { incident: incident.drill ? refuse(incident, halted) : toApproval(incident, halted, now) }
  if (isFree(incident)) return { incident }
  const claim = claimFor(incident, settings.rules)
  const claimed = claimCut(situation.budget.value, claim, now, situation.inScope, settings.policy.budget)
  if (claimed.granted) return { incident, budget: claimed.budget }
  return { incident: toApproval(incident, claimed.reason, now) }
}

/** An identity counts where the instance's own doing shows it and it reaches a cut alone: a name that is guessed at is cheap to fake. */
function claimFor({ id, findings }: Incident, { score }: RuleSettings): Claim {
  const signals = findings.filter(({ drill }) => !drill).flatMap(finding => finding.signals)
  const identity = signals.some(one => one.family === 'identity' && one.own === true && one.points >= score.isolate)
  return { incident: id, identity }
}

function isFree({ drill, approvedBy }: Incident): boolean {
  return drill || approvedBy !== undefined
}

/** A drill needs nobody's approval: it is asked for again. */
function refuse(incident: Incident, reason: string): Incident {
  return { ...incident, verdict: 'refused', verdictReason: reason, cut: { state: 'none', reasons: [] } }
}

function toApproval(incident: Incident, reason: string, now: number): Incident {
  return withLines({ ...incident, verdict: 'approval', verdictReason: reason, cut: { state: 'none', reasons: [] } }, [
    { at: now, kind: 'note', text: `${reason}: a person decides` },
  ])
}

/**
 * Takes back what was written down for a cut that found no place in the budget and changed nothing yet. What may be denied
 * is decided anew when a person approves: a neighbour may need a peer by then.
 */
export async function awaitApproval(run: Run, held: Held, reason: string): Promise<Held> {
  const { id, denials } = held.incident
  for (const acl of new Set(denials.map(denial => denial.acl))) {
    await leaveLeases(run.ledger, acl, id)
    await dropLeases(run.ledger, acl)
  }
  return amendIncident(run.ledger, held, run.owner, incident => {
    const { restorePoint: _unused, ...rest } = toApproval(incident, reason, run.clock.now())
    const done = Object.entries(rest.steps).filter(
      ([, record]) => record.status !== 'intended' || record.done.length > 0,
    )
    return { ...rest, steps: Object.fromEntries(done), denials: [] }
  })
}

/**
 * Claims a place in the budget where another function wrote it in the meantime, or where nobody knows whether the one
 * that died did. Returns why there is no place any more, where there is none.
 */
export async function claimAgain(
  run: Run,
  settings: BudgetSettings,
  incident: Incident,
  inScope: number,
): Promise<string | undefined> {
  // What began as a drill may have been cut already, without a place.
  if (isFree(incident) || incident.findings.some(({ drill }) => drill)) return undefined
  const claim = claimFor(incident, settings.rules)
  for (let race = 0; race < MAX_RACES; race++) {
    const row = await run.ledger.read(budgetKey)
    const budget = row ? Budget.parse(row.value) : { cuts: [] }
    const claimed: Claimed = claimCut(budget, claim, run.clock.now(), inScope, settings.policy.budget)
    if (!claimed.granted) return claimed.reason
    if (await run.ledger.write(budgetKey, claimed.budget, row?.version ?? 'absent')) return undefined
    await afterLostRace(run.ledger, race)
  }
  throw new RetryableError(
    `Cannot claim a place in the budget for ${incident.id}: ${MAX_RACES} other writers came first`,
  )
}

/** The restore point, once, and what may be denied. A peer that an earlier finding named keeps its answer. */
export function arm(incident: Incident, situation: Situation, settings: DenialSettings, now: number): Incident {
  const { description, network } = situation
  if (incident.verdict !== 'isolate' || !description || incident.releasedBy !== undefined) return incident
  const decided = decideDenials(peersOf(incident), description, network, settings, situation.neighbourUse)
  const known = new Set(incident.denials.map(({ acl, peer }) => `${acl} ${peer}`))
  const denials = [...incident.denials, ...decided.filter(({ acl, peer }) => !known.has(`${acl} ${peer}`))]
  const more = denials.length - MAX_DENIALS
  const quarantine = incident.quarantine ?? network?.quarantine
  const transit = incident.transit ?? network?.transit
  const armed: Incident = {
    ...incident,
    restorePoint: incident.restorePoint ?? description,
    denials: denials.slice(0, MAX_DENIALS),
    ...(quarantine === undefined ? {} : { quarantine }),
    ...(transit === undefined ? {} : { transit }),
    cut: incident.cut.state === 'none' ? { state: 'pending', reasons: [] } : incident.cut,
  }
  if (more <= 0) return armed
  const text = `${more} more pairs of ACL and peer are not denied: an incident holds ${MAX_DENIALS}`
  return withLines(armed, [{ at: now, kind: 'note', text }])
}

/** ACL → the peers that the incident denies in it. */
export function allowedPeers({ denials }: Incident): Map<string, string[]> {
  const allowed = Map.groupBy(
    denials.filter(one => one.allowed),
    one => one.acl,
  )
  return new Map([...allowed].map(([acl, of]) => [acl, of.map(({ peer }) => peer)]))
}

/** Takes the leases again after a crash, each once however often asked. */
export async function leaseAgain(ledger: Ledger, incident: Incident): Promise<void> {
  for (const [acl, peers] of allowedPeers(incident))
    await holdLeases(ledger, acl, peers, incident.id, await ledger.read(leaseKey(acl)))
}
