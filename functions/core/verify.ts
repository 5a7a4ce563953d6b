import { createHash } from 'node:crypto'
import { reasonOf } from './errors.ts'
import type { Peer } from './finding.ts'
import type { Fleet } from './fleet.ts'
import type { Incident, StepRecord } from './incident.ts'
import { type Held, listIncidents, replaceIncident, settleJournal, withLines } from './incident-store.ts'
import { inventoryKeys, NetworkRow } from './inventory.ts'
import type { JournalLine } from './journal.ts'
import { DENY_NAMES } from './name-denial.ts'
import { dueSteps, MAX_ATTEMPTS, stagesOf } from './playbook.ts'
import type { Policy } from './policy.ts'
import type { Clock, Instances, Ledger, Log, Metrics, Queue, Step } from './ports.ts'
import { type Proof, prove, residualPeers, type TrackingTimeouts } from './proof.ts'
import { continuation } from './respond.ts'
import type { Traffic } from './traffic.ts'
import { keepInventory } from './upkeep.ts'

export interface VerifyPorts {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly queue: Queue
  readonly instances: Instances
  readonly log: Log
  readonly metrics: Metrics
  readonly steps: readonly Step[]
  readonly readFleet: (signal: AbortSignal) => Promise<Fleet>
  /** Finds the quarantine group by its recorded id, or makes one. Returns its id. */
  readonly prepareQuarantine: (vpc: string, recorded: string | undefined, signal: AbortSignal) => Promise<string>
  readonly readTraffic: (instance: string) => Promise<Traffic>
}

/** For so long after a release its ticket is tried again. */
const TOLD_MS = 24 * 3_600_000

export interface VerifySettings {
  readonly policy: Policy
  readonly tracking: TrackingTimeouts
}

export interface Verified {
  readonly inScope: number
  readonly networks: number
  readonly incidents: readonly { readonly incident: string; readonly state: Incident['cut']['state'] }[]
  /** What could not be looked at; each is also logged. */
  readonly failures: readonly string[]
}

/**
 * Runs on a schedule: keeps the inventory and the quarantine groups ready, proves each cut anew, and puts what has come
 * undone back into the instance's lane. One incident's failure leaves the others untouched.
 */
export async function verify(ports: VerifyPorts, settings: VerifySettings, signal: AbortSignal): Promise<Verified> {
  const failures: string[] = []
  const failed = (what: string) => (thrown: unknown) => {
    const reason = reasonOf(thrown)
    ports.log.error('verify could not finish a part', { part: what, reason })
    ports.metrics.count('VerifyFailed')
    failures.push(`${what}: ${reason}`)
    return undefined
  }
  const [kept, { held, unreadable }] = await Promise.all([
    keepReady(ports, settings.policy, signal, failed).catch(failed('inventory')),
    listIncidents(ports.ledger),
  ])
  for (const { instance, reason } of unreadable) failed(`incident of ${instance}`)(reason)
  const since = ports.clock.now() - TOLD_MS
  const open = held.filter(({ incident: { closedAt = Infinity } }) => closedAt > since)
  const states: { incident: string; state: Incident['cut']['state'] }[] = []
  const next = open.values()
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const one of next) {
        const state = await checkIncident(ports, settings, one, signal).catch(failed(`incident ${one.incident.id}`))
        states.push({ incident: one.incident.id, state: state ?? one.incident.cut.state })
      }
    }),
  )
  return { inScope: kept?.inScope ?? 0, networks: kept?.networks ?? 0, incidents: states, failures }
}

async function keepReady(
  ports: VerifyPorts,
  policy: Policy,
  signal: AbortSignal,
  failed: (what: string) => (thrown: unknown) => undefined,
): Promise<{ inScope: number; networks: number }> {
  const fleet = await ports.readFleet(signal)
  const groups = new Map<string, string>()
  await Promise.all(
    fleet.networks.map(async ({ vpc }) => {
      const row = await ports.ledger.read(inventoryKeys.network(vpc))
      const recorded = row && NetworkRow.parse(row.value).quarantine
      const group = await ports.prepareQuarantine(vpc, recorded, signal).catch(failed(`quarantine group of ${vpc}`))
      if (group !== undefined) groups.set(vpc, group)
    }),
  )
  const { inScope } = await keepInventory(ports.ledger, fleet, policy, groups)
  return { inScope, networks: fleet.networks.length }
}

async function checkIncident(
  ports: VerifyPorts,
  settings: VerifySettings,
  held: Held,
  signal: AbortSignal,
): Promise<Incident['cut']['state']> {
  const { incident } = held
  const now = ports.clock.now()
  if (incident.claim && incident.claim.until > now) return incident.cut.state
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
      : await revive(ports, held)
  // Somebody works on it by now; the next run looks again.
  if (!checked) return incident.cut.state
  const due = dueSteps(ports.steps, checked.incident, stagesOf(checked.incident))
  const unfinished = checked.incident.claim !== undefined || due.length > 0
  if (unfinished) await ports.queue.send(continuation(checked.incident))
  return checked.incident.cut.state
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
  const [live, traffic, network, undone] = await Promise.all([
    ports.instances.describe(incident.instance, vpc, signal),
    ports.readTraffic(incident.instance),
    vpc === undefined ? undefined : ports.ledger.read(inventoryKeys.network(vpc)),
    comeUndone(ports, incident, signal),
  ])
  const prepared = network && NetworkRow.parse(network.value).quarantine
  // A recorded group that no interface is in may have been deleted; the one that was prepared since takes its place.
  const isUsed = live?.interfaces.some(({ groups }) => groups.some(group => group === incident.quarantine))
  const quarantine = (isUsed ? incident.quarantine : prepared) ?? incident.quarantine
  const loose = undone.filter(
    ({ step }) => step === DENY_NAMES || ports.steps.some(({ id, stage }) => id === step && stage === 'contain'),
  )
  const proof = weakened(prove(incident, live, traffic, now, settings.tracking), loose)
  const passing = residualPeers(incident, live, traffic)
  if (passing.length > 0) await ports.queue.send(residualOrder(incident, passing))
  const lines = [...undone.map(({ line }) => line(now)), ...proofLines(incident, proof, now)]
  const concluded: Incident = {
    ...incident,
    steps: { ...incident.steps, ...exhausted(incident), ...Object.fromEntries(undone.map(again)) },
    ...(quarantine === undefined ? {} : { quarantine }),
    cut: {
      ...incident.cut,
      state: proof.state,
      reasons: proof.reasons.slice(0, 32).map(reason => reason.slice(0, 1024)),
      checkedAt: now,
    },
  }
  // All of this was seen of one version of the incident: of another, one that was released meanwhile, it may be false.
  const amended = await replaceIncident(ports.ledger, held, withLines(concluded, lines))
  if (!amended) return undefined
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

/** Nothing was cut, so nothing is proven: only what failed, such as a ticket, is tried again. */
async function revive({ ledger }: VerifyPorts, held: Held): Promise<Held | undefined> {
  const failed = exhausted(held.incident)
  if (Object.keys(failed).length === 0) return held
  return replaceIncident(ledger, held, { ...held.incident, steps: { ...held.incident.steps, ...failed } })
}

function residualOrder({ id, instance }: Incident, peers: Peer[]): Parameters<Queue['send']>[0] {
  const named = peers.map(({ address }) => address).toSorted()
  const hash = createHash('sha256')
    .update(JSON.stringify(['residual', id, named]))
    .digest('hex')
  return { lane: instance, id: hash, order: { kind: 'residual', instance, incident: id, peers } }
}

/** Steps that were done and do not hold any more: a group swapped back, an entry deleted, a new interface. */
async function comeUndone(ports: VerifyPorts, incident: Incident, signal: AbortSignal) {
  const done = ports.steps.filter(({ id, stage }) => stage !== 'report' && incident.steps[id]?.status === 'done')
  const checks = await Promise.all(
    done.map(async step => {
      const record = incident.steps[step.id]
      if (!record) return []
      try {
        const { holds, notes } = await step.verify({ incident, attempt: 1, signal })
        const text = `Does not hold any more: ${notes.join('; ')}`
        const line = (at: number): JournalLine => ({ at, kind: 'reopened', step: step.id, text })
        return holds ? [] : [{ step: step.id, record: { ...record, reason: text }, line }]
      } catch (thrown) {
        // Not having seen it is no proof that it came undone; the next run looks again.
        ports.log.warn('step could not be verified', { step: step.id, incident: incident.id, reason: reasonOf(thrown) })
        return []
      }
    }),
  )
  return checks.flat()
}

function proofLines({ cut }: Incident, proof: Proof, at: number): JournalLine[] {
  if (proof.state === cut.state) return []
  const text = [`The state is ${proof.state}`, ...proof.reasons.slice(0, 8)].join(': ').slice(0, 4096)
  return [{ at, kind: cut.state === 'cut' ? 'reopened' : 'verified', text }]
}
