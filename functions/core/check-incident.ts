import { createHash } from 'node:crypto'
import { MAX_DENIALS } from './arming.ts'
import { aclsOf } from './denial.ts'
import type { Description } from './description.ts'
import { reasonOf } from './errors.ts'
import { escalate } from './escalation.ts'
import type { Peer } from './finding.ts'
import type { Incident, StepRecord } from './incident.ts'
import { type Held, replaceIncident, settleJournal, withLines } from './incident-store.ts'
import { inventoryKeys, NetworkRow } from './inventory.ts'
import type { JournalLine } from './journal.ts'
import { strangeAcls, takeIn } from './late-interfaces.ts'
import { DENY_NAMES } from './name-denial.ts'
import { peersOf } from './opening.ts'
import { dueSteps, MAX_ATTEMPTS, stagesOf } from './playbook.ts'
import type { Queue, Step } from './ports.ts'
import { type Proof, prove, residualPeers } from './proof.ts'
import { continuation } from './settling.ts'
import type { VerifyPorts, VerifySettings } from './verify-ports.ts'

/** Whether somebody works on the incident now. What must be done after him goes into the lane behind him. */
export function isClaimed({ claim }: Incident, now: number): boolean {
  return claim !== undefined && claim.until > now
}

/**
 * Looks at one incident as it stands and puts what is to be done into its lane. Everything is concluded of the version that
 * was seen, so that of two runs at once only the first says anything. Returns the state of its cut.
 */
export async function checkIncident(
  ports: VerifyPorts,
  settings: VerifySettings,
  held: Held,
  signal: AbortSignal,
): Promise<Incident['cut']['state']> {
  const { incident } = held
  const now = ports.clock.now()
  if (isClaimed(incident, now)) return incident.cut.state
  if (incident.releasedBy !== undefined && incident.closedAt === undefined) {
    const { lane, id } = continuation(incident)
    const order = {
      kind: 'release',
      instance: incident.instance,
      incident: incident.id,
      by: incident.releasedBy,
    } as const
    await ports.queue.send({ lane, id, order })
    return incident.cut.state
  }
  const checked =
    incident.verdict === 'isolate' && incident.closedAt === undefined
      ? await proveIncident(ports, settings, held, now, signal)
      : await revive(ports, held, now, signal)
  // Somebody works on it by now; the next run looks again.
  if (!checked) return incident.cut.state
  await goOn(ports, checked)
  return checked.incident.cut.state
}

/** Puts the incident into its lane again where anything of it is left to do. */
export async function goOn({ steps, queue }: VerifyPorts, { incident }: Held): Promise<void> {
  const due = dueSteps(steps, incident, stagesOf(incident))
  if (incident.claim !== undefined || due.length > 0) await queue.send(continuation(incident))
}

async function proveIncident(
  ports: VerifyPorts,
  settings: VerifySettings,
  held: Held,
  now: number,
  signal: AbortSignal,
): Promise<Held | undefined> {
  const { incident } = held
  const vpc = incident.restorePoint?.vpc
  const [live, traffic, network, undone, settled] = await Promise.all([
    ports.instances.describe(incident.instance, vpc, signal),
    ports.readTraffic(incident.instance),
    vpc === undefined ? undefined : ports.ledger.read(inventoryKeys.network(vpc)),
    comeUndone(ports, incident, signal),
    cameToAnEnd(ports, incident, 'done', signal),
  ])
  const prepared = network && NetworkRow.parse(network.value).quarantine
  // A recorded group that no interface is in may have been deleted; the one that was prepared since takes its place.
  const isUsed = live?.interfaces.some(({ groups }) => groups.some(group => group === incident.quarantine))
  const quarantine = (isUsed ? incident.quarantine : prepared) ?? incident.quarantine
  const loose = undone.filter(
    ({ step }) => step === DENY_NAMES || ports.steps.some(({ id, stage }) => id === step && stage === 'contain'),
  )
  const proof = weakened(prove(incident, live, traffic, now, settings.tracking), loose)
  const taken = takeIn(incident, live, now)
  const seen = proof.state === 'cut' ? taken : escalate(taken, traffic, now, settings.escalateAfterMs)
  const concluded: Incident = {
    ...seen,
    steps: {
      ...seen.steps,
      ...exhausted(seen),
      ...Object.fromEntries(settled.map(({ step, record }) => [step, record])),
      ...Object.fromEntries(undone.map(again)),
    },
    ...(quarantine === undefined ? {} : { quarantine }),
    cut: {
      ...seen.cut,
      state: proof.state,
      reasons: proof.reasons.slice(0, 32).map(reason => reason.slice(0, 1024)),
      checkedAt: now,
    },
  }
  const lines = [...[...undone, ...settled].map(({ line }) => line(now)), ...proofLines(incident, proof, now)]
  // All of this was seen of one version of the incident: of another, one that was released meanwhile, it may be false.
  const amended = await replaceIncident(ports.ledger, held, withLines(concluded, lines))
  if (!amended) return undefined
  // Only now: what is denied in an ACL must find it in the restore point as it stood before.
  const passing = [...residualPeers(incident, live, traffic), ...undecidedPeers(incident, live)]
  if (passing.length > 0) await ports.queue.send(residualOrder(incident, live, passing.slice(0, MAX_PEERS)))
  // At every run, so that an alarm can tell a cut that stays unproven from one whose flow log is on its way.
  if (proof.state !== 'cut') ports.metrics.count('CutNotProven')
  return settleJournal(ports.ledger, amended, undefined, 'verify', now)
}

/** A rule in the quarantine group, say, which shows in no interface and in no traffic yet. */
function weakened(proof: Proof, loose: readonly { readonly step: string; readonly record: StepRecord }[]): Proof {
  if (loose.length === 0 || proof.state !== 'cut') return proof
  return { state: 'unverified', reasons: loose.map(({ step, record }) => `Step ${step}: ${record.reason}`) }
}

/** Failed steps whose tries are used up. */
function exhausted({ steps }: Incident): Record<string, StepRecord> {
  const failed = Object.entries(steps).filter(
    ([, { status, attempts }]) => status === 'failed' && attempts >= MAX_ATTEMPTS,
  )
  return Object.fromEntries(failed.map(([step, record]) => again({ step, record })))
}

function again({ step, record }: { readonly step: string; readonly record: StepRecord }): [string, StepRecord] {
  return [step, { ...record, status: 'failed', attempts: 0 }]
}

/**
 * Nothing was cut, or it is released, so nothing is proven: what failed, such as a ticket, is tried again, and evidence that
 * was still being copied at the release is told of once it is complete.
 */
async function revive(ports: VerifyPorts, held: Held, now: number, signal: AbortSignal): Promise<Held | undefined> {
  const failed = exhausted(held.incident)
  const settled = await cameToAnEnd(ports, held.incident, 'reverted', signal)
  if (Object.keys(failed).length + settled.length === 0) return held
  const ended = Object.fromEntries(settled.map(({ step, record }) => [step, record]))
  const revived = withLines(
    { ...held.incident, steps: { ...held.incident.steps, ...failed, ...ended } },
    settled.map(({ line }) => line(now)),
  )
  const amended = await replaceIncident(ports.ledger, held, revived)
  return amended && settleJournal(ports.ledger, amended, undefined, 'verify', now)
}

/** As many as an order holds. */
const MAX_PEERS = 64

/** The incident's peers, where the instance stands behind an ACL by now of which nobody has decided what it may deny. */
function undecidedPeers(incident: Incident, live: Description | undefined): Peer[] {
  const { denials } = incident
  if (strangeAcls(incident, live).length === 0 || denials.length >= MAX_DENIALS) return []
  return peersOf(incident).filter(({ address }) => denials.some(({ peer }) => peer === address))
}

function residualOrder({ id, instance }: Incident, live: Description | undefined, peers: Peer[]) {
  const named = peers.map(({ address }) => address).toSorted()
  const acls = live ? aclsOf(live).map(acl => acl.id) : []
  const hash = createHash('sha256')
    .update(JSON.stringify(['residual', id, named, acls.toSorted()]))
    .digest('hex')
  return { lane: instance, id: hash, order: { kind: 'residual', instance, incident: id, peers } } satisfies Parameters<
    Queue['send']
  >[0]
}

interface Seen {
  readonly step: string
  readonly record: StepRecord
  readonly line: (at: number) => JournalLine
}

/** Asks steps, all at once. Not having seen it is no proof of anything; the next run looks again. */
async function askSteps(
  ports: VerifyPorts,
  incident: Incident,
  steps: readonly Step[],
  ask: (step: Step, record: StepRecord) => Promise<Seen | undefined>,
): Promise<Seen[]> {
  const answers = await Promise.all(
    steps.map(async step => {
      const record = incident.steps[step.id]
      if (!record) return []
      try {
        return (await ask(step, record)) ?? []
      } catch (thrown) {
        ports.log.warn('step could not be verified', { step: step.id, incident: incident.id, reason: reasonOf(thrown) })
        return []
      }
    }),
  )
  return answers.flat()
}

/** Steps that were done and do not hold any more: a group swapped back, an entry deleted, a new interface. */
function comeUndone(ports: VerifyPorts, incident: Incident, signal: AbortSignal): Promise<Seen[]> {
  const done = ports.steps.filter(({ id, stage }) => stage !== 'report' && incident.steps[id]?.status === 'done')
  return askSteps(ports, incident, done, async (step, record) => {
    const { holds, notes } = await step.verify({ incident, attempt: 1, signal })
    if (holds) return undefined
    const text = `Does not hold any more: ${notes.join('; ')}`
    const line = (at: number): JournalLine => ({ at, kind: 'reopened', step: step.id, text })
    return { step: step.id, record: { ...record, reason: text }, line }
  })
}

/** Steps of which what they began has come to an end since: disks that are copied. Each says so once. */
function cameToAnEnd(
  ports: VerifyPorts,
  incident: Incident,
  status: StepRecord['status'],
  signal: AbortSignal,
): Promise<Seen[]> {
  const open = ports.steps.filter(({ id, settled }) => {
    const record = incident.steps[id]
    return settled !== undefined && record?.status === status && record.settled === undefined
  })
  return askSteps(ports, incident, open, async (step, record) => {
    const settled = (await step.settled?.({ incident, attempt: 1, signal }))?.slice(0, 4096)
    if (settled === undefined) return undefined
    const line = (at: number): JournalLine => ({ at, kind: 'verified', step: step.id, text: settled })
    return { step: step.id, record: { ...record, settled }, line }
  })
}

function proofLines({ cut }: Incident, proof: Proof, at: number): JournalLine[] {
  if (proof.state === cut.state) return []
  const text = [`The state is ${proof.state}`, ...proof.reasons.slice(0, 8)].join(': ').slice(0, 4096)
  return [{ at, kind: cut.state === 'cut' ? 'reopened' : 'verified', text }]
}
