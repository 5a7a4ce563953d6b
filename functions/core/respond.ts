import { createHash } from 'node:crypto'
import { lateness } from './approval.ts'
import { allowedPeers, arm, awaitApproval, claimAgain, fund, leaseAgain } from './arming.ts'
import { budgetKey } from './budget.ts'
import { aclsOf, type DenialSettings } from './denial.ts'
import { RetryableError } from './errors.ts'
import type { Finding, Peer } from './finding.ts'
import { type Halt, haltedBecause, readHalt } from './halt.ts'
import type { Incident } from './incident.ts'
import {
  amendIncident,
  type Held,
  loadIncident,
  nextIncidentId,
  openIncident,
  refuseClaimed,
  replaceIncident,
  settleJournal,
  withLines,
} from './incident-store.ts'
import { holdLeases, recordEntries } from './leases.ts'
import { join, openFor, peersOf } from './opening.ts'
import { instanceOf, type Order } from './order.ts'
import { begin, hasBegun, type Run, runPlaybook } from './playbook.ts'
import { judge, type Policy, refusalOf, staleness } from './policy.ts'
import type { Clock, Log, Metrics, Queue, Step } from './ports.ts'
import { denyEntries, release } from './release.ts'
import type { RuleSettings } from './rule-settings.ts'
import { answerOf, recordSuppressed } from './suppressed.ts'
import { readScope, type Situation, type SurveyPorts, survey } from './survey.ts'
import { weigh } from './weighing.ts'

export interface RespondPorts extends SurveyPorts {
  readonly clock: Clock
  readonly queue: Queue
  readonly log: Log
  readonly metrics: Metrics
  readonly steps: readonly Step[]
}

export interface RespondSettings {
  readonly policy: Policy
  readonly denial: DenialSettings
  readonly rules: RuleSettings
}

/** One invocation of the function. */
export interface Invocation {
  /** Unique to the invocation: the holder of the claims that it takes. */
  readonly owner: string
  /** Milliseconds until the platform ends the function. */
  readonly remaining: () => number
}

/** Kept back before the platform's deadline to write down where things stand and to enqueue the rest. */
const RESERVE_MS = 5000
/** A claim outlives its function by this much, so that a redelivery takes over only from the dead. */
const GRACE_MS = 5000

/** Keeps an incident's row far below a ledger item's 400 KB. */
const MAX_RESIDUAL = 128

/** Handles what travels in an instance's lane. A `RetryableError` asks for redelivery. */
export async function respond(
  ports: RespondPorts,
  settings: RespondSettings,
  order: Order,
  invocation: Invocation,
): Promise<Incident | undefined> {
  const signal = AbortSignal.timeout(Math.max(0, invocation.remaining() - RESERVE_MS))
  const run: Run = { ...ports, owner: invocation.owner, signal }
  if (order.kind === 'finding') return onFinding(ports, settings, order.finding, run, invocation)
  const [held, halt] = await Promise.all([loadIncident(ports.ledger, instanceOf(order)), readHalt(ports.ledger)])
  const closed = held?.incident.closedAt !== undefined
  if (held?.incident.id !== order.incident || (closed && order.kind !== 'continue')) {
    ports.log.warn('order for an incident that is not open', { kind: order.kind, incident: order.incident })
    return undefined
  }
  refuseClaimed(held.incident, ports.clock.now())
  if (closed) return tellClosed(ports, held, run, invocation)
  if (order.kind === 'release' || held.incident.releasedBy !== undefined) {
    const asked = order.kind === 'release' ? order : { by: held.incident.releasedBy ?? '' }
    const released = await release(run, held, asked, claimOf(run, invocation))
    return (await runAndSettle(ports, released, [], run)).incident
  }
  if (order.kind === 'approve') return onApproval(ports, settings, held, halt, order.by, run, invocation)
  if (order.kind === 'residual') return onResidual(ports, settings, held, halt, order.peers, run, invocation)
  return resume(ports, settings, held, halt, run, invocation)
}

function claimOf(run: Run, invocation: Invocation): NonNullable<Incident['claim']> {
  return { owner: run.owner, until: run.clock.now() + Math.max(0, invocation.remaining()) + GRACE_MS }
}

async function onFinding(
  ports: RespondPorts,
  settings: RespondSettings,
  given: Finding,
  run: Run,
  invocation: Invocation,
): Promise<Incident | undefined> {
  let situation = await survey(ports, given.instance, given.peers, given.placement, run.signal)
  const newest = situation.held
  const open = newest && newest.incident.closedAt === undefined ? newest : undefined
  if (newest?.incident.findingIds.includes(given.id)) {
    if (!open?.incident.claim) return newest.incident
    refuseClaimed(open.incident, ports.clock.now())
    return resume(ports, settings, open, situation.halt, run, invocation)
  }
  if (open) refuseClaimed(open.incident, ports.clock.now())
  const closedAt = newest?.incident.closedAt
  if (closedAt !== undefined && Math.max(...given.signals.map(({ last }) => last)) * 1000 <= closedAt) {
    ports.log.info('finding rests on records from before the release', {
      finding: given.id,
      incident: newest?.incident.id,
    })
    return undefined
  }
  const now = ports.clock.now()
  const { finding, mode, suppressions, expired } = weigh(given, { ...situation, now }, settings.policy, settings.rules)
  for (const { owner, reason, expires } of expired)
    ports.log.warn('suppression has expired and silences nothing', { finding: given.id, owner, reason, expires })
  if (!finding) {
    await recordSuppressed(ports.ledger, given, suppressions, now)
    ports.metrics.count('FindingSuppressed')
    ports.log.info('finding is suppressed', { finding: given.id, instance: given.instance })
    return undefined
  }
  const judged = judge(finding, situation.description, situation.row, { ...settings.policy, mode }, now)
  // What is stale, as a replay is, names no further peers to deny.
  const told =
    open?.incident.verdict === 'isolate' && staleness(finding, settings.policy, now)
      ? { ...finding, peers: [] }
      : finding
  const opened = open
    ? join(open.incident, told, judged, now)
    : openFor(finding, judged, nextIncidentId(finding.account, finding.instance, newest?.incident), now)
  const silenced = suppressions.map(one => ({
    at: now,
    kind: 'note' as const,
    text: `Signals of ${given.id} were suppressed by ${answerOf(one)}`,
  }))
  const approvableUntil = now + settings.policy.approvalHours * 3_600_000
  const joined = withLines({ ...opened, approvableUntil }, silenced)
  ports.metrics.count(open ? 'FindingJoined' : 'IncidentOpened')
  // An incident that was only reported so far becomes a cut: its earlier peers were never asked about.
  const unasked = joined.denials.length === 0 && peersOf(joined).some(({ address }) => !situation.asked(address))
  if (joined.verdict === 'isolate' && unasked)
    situation = await survey(ports, finding.instance, peersOf(joined), finding.placement, run.signal)
  const halted = stopped(ports, joined, situation.halt)
  if (open && halted !== undefined) {
    const written = await replaceIncident(ports.ledger, open, joined)
    if (!written) throw new RetryableError(`Cannot join ${joined.id}: another function changed it at the same time`)
    return tellUncut(ports, written, halted, run, invocation)
  }
  return advance(ports, settings, situation, joined, open, run, invocation)
}

/** Why a cut that was written down, and of which nothing is known to have been done, must not go on. */
function stopped({ steps }: RespondPorts, incident: Incident, halt: Halt | undefined): string | undefined {
  const waits = incident.verdict === 'isolate' && incident.restorePoint !== undefined && !hasBegun(steps, incident)
  return waits ? haltedBecause(halt) : undefined
}

async function onApproval(
  ports: RespondPorts,
  settings: RespondSettings,
  held: Held,
  halt: Halt | undefined,
  by: string,
  run: Run,
  invocation: Invocation,
): Promise<Incident | undefined> {
  const { incident } = held
  if (incident.verdict === 'isolate') return resume(ports, settings, held, halt, run, invocation)
  const situation = await survey(ports, incident.instance, peersOf(incident), placementOf(incident), run.signal)
  const now = ports.clock.now()
  const refusal = incident.drill
    ? incident.verdictReason
    : refusalOf(incident.instance, situation.description, situation.row, settings.policy, now)
  if (refusal !== undefined) {
    const refused = withLines({ ...incident, verdict: 'refused', verdictReason: refusal }, [
      { at: now, kind: 'note', text: `Approved by ${by} and not cut: ${refusal}` },
    ])
    return advance(ports, settings, situation, refused, held, run, invocation)
  }
  const late = lateness(incident, now)
  if (late !== undefined) return tellUncut(ports, held, `Approved by ${by} and not cut: ${late}`, run, invocation)
  const halted = haltedBecause(situation.halt)
  if (halted !== undefined) return tellUncut(ports, held, `Approved by ${by} and not cut: ${halted}`, run, invocation)
  const approved = withLines({ ...incident, verdict: 'isolate', verdictReason: `Approved by ${by}`, approvedBy: by }, [
    { at: now, kind: 'approved', text: `Approved by ${by}` },
  ])
  return advance(ports, settings, situation, approved, held, run, invocation)
}

/** Denies what verify saw passing after the cut, under the same conditions as the findings' peers. */
async function onResidual(
  ports: RespondPorts,
  settings: RespondSettings,
  held: Held,
  halt: Halt | undefined,
  peers: readonly Peer[],
  run: Run,
  invocation: Invocation,
): Promise<Incident | undefined> {
  const { incident } = held
  if (incident.verdict !== 'isolate') return resume(ports, settings, held, halt, run, invocation)
  const known = new Set(peersOf(incident).map(({ address }) => address))
  const fresh = peers.filter(({ address }) => !known.has(address))
  const asked = [...peersOf(incident), ...fresh]
  const situation = await survey(ports, incident.instance, asked, placementOf(incident), run.signal)
  const { description } = situation
  // An interface that was attached since may stand behind an ACL of which nothing is decided yet.
  const behind = (description ? aclsOf(description) : []).filter(
    ({ id }) => !incident.denials.some(({ acl }) => acl === id),
  )
  if (fresh.length + behind.length === 0) return resume(ports, settings, held, halt, run, invocation)
  const at = ports.clock.now()
  const text = [
    ...(fresh.length > 0 ? [`Bytes passed after the cut with ${fresh.map(({ address }) => address).join(', ')}`] : []),
    ...(behind.length > 0 ? [`The instance stands behind ${behind.map(({ id }) => id).join(', ')} by now`] : []),
  ].join('. ')
  const widened = withLines({ ...incident, residual: [...incident.residual, ...fresh].slice(-MAX_RESIDUAL) }, [
    { at, kind: 'note', text: text.slice(0, 4096) },
  ])
  return advance(ports, settings, situation, widened, held, run, invocation)
}

function placementOf(incident: Incident): Finding['placement'] {
  return incident.findings.findLast(finding => finding.placement)?.placement
}

/**
 * Writes the incident with its claim, its restore point and its intents in one conditional write, the place in the budget
 * and the leases beside it, and only then changes anything.
 */
async function advance(
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
async function resume(
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

/**
 * Says on the ticket why an incident is not cut now, once, and changes nothing in the cloud. What was begun before a halt and not
 * answered is left as it stands; verify takes it up again after the halt.
 */
async function tellUncut(
  ports: RespondPorts,
  held: Held,
  text: string,
  run: Run,
  invocation: Invocation,
): Promise<Incident> {
  const at = ports.clock.now()
  const told = await amendIncident(ports.ledger, held, undefined, newest => {
    refuseClaimed(newest, at)
    const claimed = { ...newest, claim: claimOf(run, invocation) }
    if (newest.cut.reasons.includes(text)) return claimed
    return withLines({ ...claimed, cut: { ...newest.cut, reasons: [text] } }, [{ at, kind: 'note', text }])
  })
  const reporting = { ...run, steps: run.steps.filter(({ stage }) => stage === 'report') }
  return (await runAndSettle(ports, told, [], reporting)).incident
}

/** Brings the ticket of a closed incident up to date; a release may have met a tracker that was down. */
async function tellClosed(ports: RespondPorts, held: Held, run: Run, invocation: Invocation): Promise<Incident> {
  const claimed = await amendIncident(ports.ledger, held, undefined, newest => {
    refuseClaimed(newest, ports.clock.now())
    return { ...newest, claim: claimOf(run, invocation) }
  })
  return (await runAndSettle(ports, claimed, [], run)).incident
}

async function runAndSettle(ports: RespondPorts, begun: Held, started: readonly Step[], run: Run): Promise<Held> {
  const { held, finished } = await runPlaybook(run, begun, started)
  if (held.incident.releasedBy === undefined) await recordEntries(ports.ledger, denyEntries(held.incident))
  const settled = await settleJournal(ports.ledger, held, run.owner, run.owner, ports.clock.now())
  if (!finished) await ports.queue.send(continuation(settled.incident))
  return amendIncident(ports.ledger, settled, run.owner, ({ claim: _released, ...incident }) => incident)
}

/** The order that takes the incident up again; its id changes with the journal, so that each is sent once. */
export function continuation({ id, instance, journal }: Incident): Parameters<Queue['send']>[0] {
  const hash = createHash('sha256').update(`continue ${id} ${journal.sequence}`).digest('hex')
  return { lane: instance, id: hash, order: { kind: 'continue', instance, incident: id } }
}
