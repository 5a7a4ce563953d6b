import { advance, resume, stopped } from './advancing.ts'
import { onApproval } from './approving.ts'
import { RetryableError } from './errors.ts'
import type { Finding } from './finding.ts'
import { readHalt } from './halt.ts'
import type { Incident } from './incident.ts'
import { loadIncident, nextIncidentId, refuseClaimed, replaceIncident, withLines } from './incident-store.ts'
import { join, openFor, peersOf } from './opening.ts'
import { instanceOf, type Order } from './order.ts'
import type { Run } from './playbook.ts'
import { judge, staleness } from './policy.ts'
import { release } from './release.ts'
import { onResidual } from './residual.ts'
import { claimOf, type Invocation, type RespondPorts, type RespondSettings } from './respond-ports.ts'
import { runAndSettle, tellClosed, tellUncut } from './settling.ts'
import { answerOf, recordSuppressed } from './suppressed.ts'
import { survey } from './survey.ts'
import { weigh } from './weighing.ts'

/** Kept back before the platform's deadline to write down where things stand and to enqueue the rest. */
const RESERVE_MS = 5000

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
