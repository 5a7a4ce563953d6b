import { createHash } from 'node:crypto'
import { Budget, budgetKey, claimCut } from './budget.ts'
import { type DenialSettings, decideDenials } from './denial.ts'
import { RetryableError } from './errors.ts'
import type { Finding, Peer } from './finding.ts'
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
import { emptyJournal, type JournalLine } from './journal.ts'
import { holdLeases, leaseKey, recordEntries } from './leases.ts'
import { instanceOf, type Order } from './order.ts'
import { begin, type Run, runPlaybook } from './playbook.ts'
import { type Judged, judge, type Policy } from './policy.ts'
import type { Clock, Log, Metrics, Queue, Step } from './ports.ts'
import { denyEntries, release } from './release.ts'
import { type Situation, type SurveyPorts, survey } from './survey.ts'

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

/** Bounds that keep an incident's row far below a ledger item's 400 KB. */
const MAX_FINDINGS = 8
const MAX_FINDING_IDS = 500
const MAX_DENIALS = 128

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
  const held = await loadIncident(ports.ledger, instanceOf(order))
  if (held?.incident.id !== order.incident || held.incident.closedAt !== undefined) {
    ports.log.warn('order for an incident that is not open', { kind: order.kind, incident: order.incident })
    return undefined
  }
  refuseClaimed(held.incident, ports.clock.now())
  if (order.kind === 'approve') return onApproval(ports, settings, held, order.by, run, invocation)
  if (order.kind === 'release' || held.incident.releasedBy !== undefined) {
    const by = order.kind === 'release' ? order.by : (held.incident.releasedBy ?? '')
    return (await release(run, held, by, claimOf(run, invocation))).incident
  }
  if (order.kind === 'residual') return onResidual(ports, settings, held, order.peers, run, invocation)
  return resume(ports, settings, held, run, invocation)
}

function claimOf(run: Run, invocation: Invocation): NonNullable<Incident['claim']> {
  return { owner: run.owner, until: run.clock.now() + Math.max(0, invocation.remaining()) + GRACE_MS }
}

async function onFinding(
  ports: RespondPorts,
  settings: RespondSettings,
  finding: Finding,
  run: Run,
  invocation: Invocation,
): Promise<Incident | undefined> {
  let situation = await survey(ports, finding.instance, finding.peers, finding.placement, run.signal)
  const newest = situation.held
  const open = newest && newest.incident.closedAt === undefined ? newest : undefined
  if (newest?.incident.findingIds.includes(finding.id)) {
    if (!open?.incident.claim) return newest.incident
    refuseClaimed(open.incident, ports.clock.now())
    return resume(ports, settings, open, run, invocation)
  }
  if (open) refuseClaimed(open.incident, ports.clock.now())
  const closedAt = newest?.incident.closedAt
  if (closedAt !== undefined && Math.max(...finding.signals.map(({ last }) => last)) * 1000 <= closedAt) {
    ports.log.info('finding rests on records from before the release', {
      finding: finding.id,
      incident: newest?.incident.id,
    })
    return undefined
  }
  const now = ports.clock.now()
  const judged = judge(finding, situation.description, situation.row, settings.policy, now)
  const joined = open
    ? join(open.incident, finding, judged, now)
    : openFor(finding, judged, nextIncidentId(finding.account, finding.instance, newest?.incident), now)
  ports.metrics.count(open ? 'FindingJoined' : 'IncidentOpened')
  // An incident that was only reported so far becomes a cut: its earlier peers were never asked about.
  const unasked = joined.denials.length === 0 && peersOf(joined).some(({ address }) => !situation.asked(address))
  if (joined.verdict === 'isolate' && unasked)
    situation = await survey(ports, finding.instance, peersOf(joined), finding.placement, run.signal)
  return advance(ports, settings, situation, joined, open, run, invocation)
}

async function onApproval(
  ports: RespondPorts,
  settings: RespondSettings,
  held: Held,
  by: string,
  run: Run,
  invocation: Invocation,
): Promise<Incident | undefined> {
  const { incident } = held
  if (incident.verdict === 'isolate') return resume(ports, settings, held, run, invocation)
  const situation = await survey(ports, incident.instance, peersOf(incident), placementOf(incident), run.signal)
  if (!situation.description)
    throw new Error(`Cannot approve incident ${incident.id}: the cloud knows no such instance`)
  const now = ports.clock.now()
  const approved = withLines({ ...incident, verdict: 'isolate', verdictReason: `Approved by ${by}`, approvedBy: by }, [
    { at: now, kind: 'approved', text: `Approved by ${by}` },
  ])
  return advance(ports, settings, situation, approved, held, run, invocation)
}

function openFor(finding: Finding, judged: Judged, id: string, now: number): Incident {
  const opened: Incident = {
    id,
    instance: finding.instance,
    account: finding.account,
    region: finding.region,
    openedAt: now,
    drill: finding.drill,
    verdict: judged.verdict,
    verdictReason: judged.reason,
    findings: [finding],
    findingIds: [finding.id],
    residual: [],
    denials: [],
    steps: {},
    cut: { state: judged.verdict === 'isolate' ? 'pending' : 'none', reasons: [] },
    journal: emptyJournal,
    pending: [],
  }
  return withLines(opened, [{ at: now, kind: 'opened', text: `${summary(finding)}. ${judged.reason}` }])
}

const RANK: readonly Incident['verdict'][] = ['refused', 'alert', 'observe', 'approval', 'isolate']

function join(incident: Incident, finding: Finding, judged: Judged, now: number): Incident {
  const rises = RANK.indexOf(judged.verdict) > RANK.indexOf(incident.verdict) && incident.releasedBy === undefined
  const findings = [...incident.findings, finding]
  if (findings.length > MAX_FINDINGS) {
    const weakest = findings.reduce((least, one) => (one.score < least.score ? one : least))
    findings.splice(findings.indexOf(weakest), 1)
  }
  const lines: JournalLine[] = [{ at: now, kind: 'joined', text: `${summary(finding)}. ${judged.reason}` }]
  return withLines(
    {
      ...incident,
      findings,
      findingIds: [...incident.findingIds, finding.id].slice(-MAX_FINDING_IDS),
      ...(rises ? { verdict: judged.verdict, verdictReason: judged.reason } : {}),
    },
    lines,
  )
}

function summary({ decision, score, signals, drill }: Finding): string {
  const rules = [...new Set(signals.map(({ rule }) => rule))].join(', ')
  return `${drill ? 'Drill: ' : ''}Finding of ${rules} with score ${score} (${decision})`
}

function peersOf(incident: Incident): Peer[] {
  return [...incident.findings.flatMap(({ peers }) => peers), ...incident.residual]
}

/** Denies what verify saw passing after the cut, under the same conditions as the findings' peers. */
async function onResidual(
  ports: RespondPorts,
  settings: RespondSettings,
  held: Held,
  peers: readonly Peer[],
  run: Run,
  invocation: Invocation,
): Promise<Incident | undefined> {
  const { incident } = held
  const known = new Set(peersOf(incident).map(({ address }) => address))
  const fresh = peers.filter(({ address }) => !known.has(address))
  if (fresh.length === 0 || incident.verdict !== 'isolate') return resume(ports, settings, held, run, invocation)
  const placement = placementOf(incident)
  const situation = await survey(ports, incident.instance, fresh, placement, run.signal)
  const at = ports.clock.now()
  const text = `Bytes passed after the cut with ${fresh.map(({ address }) => address).join(', ')}`
  const widened = withLines({ ...incident, residual: [...incident.residual, ...fresh].slice(0, MAX_DENIALS) }, [
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
  const funded = fund(incident, situation, settings.policy, now)
  const armed = arm(funded.incident, situation, settings.denial)
  const { incident: ready, started } = begin(ports.steps, { ...armed, claim: claimOf(run, invocation) }, now)
  const [written, budgeted] = await Promise.all([
    open ? replaceIncident(ledger, open, ready) : openIncident(ledger, ready, situation.held),
    funded.budget && ledger.write(budgetKey, funded.budget, situation.budget.row?.version ?? 'absent'),
    ...leaseWrites(ports, ready, situation),
  ])
  if (!written)
    throw new RetryableError(`Cannot open an incident for ${ready.instance}: another function did so at the same time`)
  if (funded.budget && !budgeted) {
    const refusal = await claimAgain(ports, settings.policy, ready, situation.inScope)
    if (refusal !== undefined)
      return (await runAndSettle(ports, await awaitApproval(run, written, refusal), [], run)).incident
  }
  return (await runAndSettle(ports, written, started, run)).incident
}

function leaseWrites(ports: RespondPorts, incident: Incident, situation: Situation): Promise<void>[] {
  if (incident.verdict !== 'isolate') return []
  const allowed = Map.groupBy(
    incident.denials.filter(one => one.allowed),
    one => one.acl,
  )
  return [...allowed].map(([acl, denials]) =>
    holdLeases(
      ports.ledger,
      acl,
      denials.map(({ peer }) => peer),
      incident.id,
      situation.leases.get(acl),
    ),
  )
}

/** A cut without a place in the budget waits for a person; drills and approved cuts need none. */
function fund(
  incident: Incident,
  situation: Situation,
  policy: Policy,
  now: number,
): { incident: Incident; budget?: Budget } {
  const free =
    incident.verdict !== 'isolate' ||
    incident.drill ||
    incident.approvedBy !== undefined ||
    incident.restorePoint !== undefined
  if (free) return { incident }
  const claimed = claimCut(situation.budget.value, incident.id, now, situation.inScope, policy.budget)
  if (claimed.granted) return { incident, budget: claimed.budget }
  return { incident: toApproval(incident, claimed.reason, now) }
}

function toApproval(incident: Incident, reason: string, now: number): Incident {
  return withLines(
    { ...incident, verdict: 'approval', verdictReason: reason, steps: {}, cut: { state: 'none', reasons: [] } },
    [{ at: now, kind: 'note', text: `${reason}: a person decides` }],
  )
}

async function awaitApproval(run: Run, held: Held, reason: string): Promise<Held> {
  return amendIncident(run.ledger, held, run.owner, incident => {
    const { restorePoint: _unused, ...rest } = toApproval(incident, reason, run.clock.now())
    return rest
  })
}

/** Somebody else wrote the budget in the meantime. Returns why there is no place any more, where there is none. */
async function claimAgain(
  ports: RespondPorts,
  policy: Policy,
  incident: Incident,
  inScope: number,
): Promise<string | undefined> {
  for (let race = 0; race < 32; race++) {
    const row = await ports.ledger.read(budgetKey)
    const claimed = claimCut(
      row ? Budget.parse(row.value) : { cuts: [] },
      incident.id,
      ports.clock.now(),
      inScope,
      policy.budget,
    )
    if (!claimed.granted) return claimed.reason
    if (await ports.ledger.write(budgetKey, claimed.budget, row?.version ?? 'absent')) return undefined
  }
  throw new RetryableError(`Cannot claim a place in the budget for ${incident.id}: 32 other writers came first`)
}

/** The restore point, once, and what may be denied. A peer that an earlier finding named keeps its answer. */
function arm(incident: Incident, situation: Situation, settings: DenialSettings): Incident {
  const { description, network } = situation
  if (incident.verdict !== 'isolate' || !description || incident.releasedBy !== undefined) return incident
  const decided = decideDenials(peersOf(incident), description, network, settings, situation.neighbourUse)
  const known = new Set(incident.denials.map(({ acl, peer }) => `${acl} ${peer}`))
  const denials = [...incident.denials, ...decided.filter(({ acl, peer }) => !known.has(`${acl} ${peer}`))].slice(
    0,
    MAX_DENIALS,
  )
  const quarantine = incident.quarantine ?? network?.quarantine
  return {
    ...incident,
    restorePoint: incident.restorePoint ?? description,
    denials,
    ...(quarantine === undefined ? {} : { quarantine }),
    cut: incident.cut.state === 'none' ? { state: 'pending', reasons: [] } : incident.cut,
  }
}

/** Takes up an incident whose work is not done: after a crash, a deadline, a failure or a change that verify saw. */
async function resume(
  ports: RespondPorts,
  settings: RespondSettings,
  held: Held,
  run: Run,
  invocation: Invocation,
): Promise<Incident> {
  const now = ports.clock.now()
  const started = begin(ports.steps, held.incident, now).started
  const claimed = await amendIncident(ports.ledger, held, undefined, incident => {
    refuseClaimed(incident, now)
    return { ...begin(ports.steps, incident, now).incident, claim: claimOf(run, invocation) }
  })
  const { incident } = claimed
  // The function that opened the incident may have died between its writes; each of these is done once however often asked.
  if (
    incident.verdict === 'isolate' &&
    incident.cut.at === undefined &&
    !incident.drill &&
    incident.approvedBy === undefined
  ) {
    const inScope = (await survey(ports, incident.instance, [], undefined, run.signal)).inScope
    const refusal = await claimAgain(ports, settings.policy, incident, inScope)
    if (refusal !== undefined)
      return (await runAndSettle(ports, await awaitApproval(run, claimed, refusal), [], run)).incident
  }
  for (const acl of new Set(incident.denials.filter(({ allowed }) => allowed).map(denial => denial.acl))) {
    const peers = incident.denials.filter(denial => denial.allowed && denial.acl === acl).map(({ peer }) => peer)
    await holdLeases(ports.ledger, acl, peers, incident.id, await ports.ledger.read(leaseKey(acl)))
  }
  return (await runAndSettle(ports, claimed, started, run)).incident
}

async function runAndSettle(ports: RespondPorts, begun: Held, started: readonly Step[], run: Run): Promise<Held> {
  const { held, finished } = await runPlaybook(run, begun, started)
  for (const [acl, peers] of denyEntries(held.incident))
    for (const [peer, entries] of peers) await recordEntries(ports.ledger, acl, peer, entries)
  const settled = await settleJournal(ports.ledger, held, run.owner, run.owner, ports.clock.now())
  if (!finished) await ports.queue.send(continuation(settled.incident))
  return amendIncident(ports.ledger, settled, run.owner, ({ claim: _released, ...incident }) => incident)
}

/** The order that takes the incident up again; its id changes with the journal, so that each is sent once. */
export function continuation({ id, instance, journal }: Incident): Parameters<Queue['send']>[0] {
  const hash = createHash('sha256').update(`continue ${id} ${journal.sequence}`).digest('hex')
  return { lane: instance, id: hash, order: { kind: 'continue', instance, incident: id } }
}
