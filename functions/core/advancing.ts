import { allowedPeers, arm, awaitApproval, claimAgain, fund, leaseAgain } from './arming.ts'
import { budgetKey } from './budget.ts'
import { RetryableError } from './errors.ts'
import type { Finding } from './finding.ts'
import { type Halt, haltedBecause } from './halt.ts'
import type { Incident } from './incident.ts'
import { amendIncident, type Held, openIncident, refuseClaimed, replaceIncident } from './incident-store.ts'
import { holdLeases } from './leases.ts'
import { begin, hasBegun, type Run } from './playbook.ts'
import type { Step } from './ports.ts'
import { claimOf, type Invocation, type RespondPorts, type RespondSettings } from './respond-ports.ts'
import { runAndSettle, tellUncut } from './settling.ts'
import { readScope, type Situation } from './survey.ts'

/**
 * Writes the incident with its claim, its restore point and its intents in one conditional write, the place in the budget
 * and the leases beside it, and only then changes anything.
 */
export async function advance(
  ports: RespondPorts,
  settings: RespondSettings,
  situation: Situation,
  incident: Incident,
  open: Held | undefined,
  run: Run,
  invocation: Invocation,
): Promise<Incident> {
  const { ledger } = ports
  const now = ports.clock.now()
  const funded = fund(incident, situation, settings, now)
  const armed = arm(funded.incident, situation, settings.denial, now)
  const { incident: ready, started } = begin(ports.steps, { ...armed, claim: claimOf(run, invocation) }, now)
  const [written, budgeted] = await Promise.all([
    open ? replaceIncident(ledger, open, ready) : openIncident(ledger, ready, situation.held),
    funded.budget && ledger.write(budgetKey, funded.budget, situation.budget.row?.version ?? 'absent'),
    ...[...(ready.verdict === 'isolate' ? allowedPeers(ready) : [])].map(([acl, peers]) =>
      holdLeases(ledger, acl, peers, ready.id, situation.leases.get(acl)),
    ),
  ])
  if (!written)
    throw new RetryableError(`Cannot open an incident for ${ready.instance}: another function did so at the same time`)
  if (funded.budget && !budgeted) {
    const refusal = await claimAgain(run, settings, ready, situation.inScope)
    if (refusal !== undefined)
      return (await runAndSettle(ports, await awaitApproval(run, written, refusal), [], run)).incident
  }
  return (await runAndSettle(ports, written, started, run)).incident
}

/** Takes up an incident whose work is not done: after a crash, a deadline, a failure or a change that verify saw. */
export async function resume(
  ports: RespondPorts,
  settings: RespondSettings,
  held: Held,
  halt: Halt | undefined,
  run: Run,
  invocation: Invocation,
): Promise<Incident> {
  const now = ports.clock.now()
  const halted = stopped(ports, held.incident, halt)
  if (halted !== undefined) return tellUncut(ports, held, halted, run, invocation)
  let started: readonly Step[] = []
  const claimed = await amendIncident(ports.ledger, held, undefined, newest => {
    refuseClaimed(newest, now)
    const begun = begin(ports.steps, newest, now)
    started = begun.started
    return { ...begun.incident, claim: claimOf(run, invocation) }
  })
  const { incident } = claimed
  // The function that opened the incident may have died between its writes; each of these is done once however often asked.
  if (incident.verdict === 'isolate' && incident.cut.at === undefined) {
    const refusal = await claimAgain(run, settings, incident, await readScope(ports.ledger))
    if (refusal !== undefined)
      return (await runAndSettle(ports, await awaitApproval(run, claimed, refusal), [], run)).incident
  }
  await leaseAgain(ports.ledger, incident)
  return (await runAndSettle(ports, claimed, started, run)).incident
}

/** Why a cut that was written down, and of which nothing is known to have been done, must not go on. */
export function stopped({ steps }: RespondPorts, incident: Incident, halt: Halt | undefined): string | undefined {
  const waits = incident.verdict === 'isolate' && incident.restorePoint !== undefined && !hasBegun(steps, incident)
  return waits ? haltedBecause(halt) : undefined
}

export function placementOf(incident: Incident): Finding['placement'] {
  return incident.findings.findLast(finding => finding.placement)?.placement
}
