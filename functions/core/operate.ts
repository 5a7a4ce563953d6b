import { createHash } from 'node:crypto'
import * as z from 'zod'
import { lateness } from './approval.ts'
import { InputError } from './errors.ts'
import type { Finding } from './finding.ts'
import { type Halt, type HaltStatus, haltedBecause, haltStatus, readHalt, setHalt } from './halt.ts'
import type { Incident } from './incident.ts'
import { type Incidents, listIncidents, loadIncident } from './incident-store.ts'
import { InstanceRow, inventoryKeys } from './inventory.ts'
import { brokenAt, type JournalEntry, readJournal } from './journal.ts'
import type { Order } from './order.ts'
import type { Policy } from './policy.ts'
import type { Clock, Ledger, Queue } from './ports.ts'
import { listSuppressed, type Suppressed } from './suppressed.ts'
import { matches } from './tag-selector.ts'

const instance = z.string().regex(/^[A-Za-z0-9-]{1,64}$/)
/** Names the incident that the person looked at; absent: the open one. */
const incident = z.string().max(64).optional()
const step = z.string().regex(/^[a-z0-9-]{1,64}$/)
const by = z.string().min(1).max(256)
const reason = z.string().min(1).max(512)

/** What a person may ask for. Approvals and releases travel in the same lane as findings. */
export const Request = z.discriminatedUnion('verb', [
  z.strictObject({ verb: z.literal('drill'), instance, by }),
  z.strictObject({ verb: z.literal('approve'), instance, incident, by }),
  /** `force` names the steps that are put back although somebody else changed since what they had left. */
  z.strictObject({ verb: z.literal('release'), instance, incident, by, force: z.array(step).max(64).optional() }),
  /** Stops new cuts until somebody resumes. */
  z.strictObject({ verb: z.literal('halt'), by, reason }),
  z.strictObject({ verb: z.literal('resume'), by, reason }),
  z.strictObject({ verb: z.literal('status'), instance: instance.optional() }),
])
export type Request = z.infer<typeof Request>

export interface OperatePorts {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly queue: Queue
}

export type Answer =
  | { readonly queued: Request['verb']; readonly instance: string; readonly id: string }
  | { readonly halt: Halt }
  | {
      readonly incidents: readonly Status[]
      readonly unreadable: Incidents['unreadable']
      /** Absent where nobody ever halted. */
      readonly halt?: HaltStatus
      /** Findings of the last 90 days of which nobody was told. */
      readonly suppressed: readonly Suppressed[]
    }

interface Status {
  readonly incident: Incident
  readonly journal: readonly JournalEntry[]
  /** The first journal entry that does not follow from the one before it; absent for an intact chain. */
  readonly brokenAt?: number
}

export async function operate(ports: OperatePorts, policy: Policy, request: Request): Promise<Answer> {
  if (request.verb === 'status') return statusOf(ports.ledger, request.instance)
  if (request.verb === 'halt' || request.verb === 'resume') {
    const halt = { halted: request.verb === 'halt', by: request.by, reason: request.reason, at: ports.clock.now() }
    await setHalt(ports.ledger, halt)
    return { halt }
  }
  if (request.verb === 'drill') return startDrill(ports, policy, request.instance, request.by)
  const held = await loadIncident(ports.ledger, request.instance)
  if (held?.incident.closedAt !== undefined || !held)
    throw new InputError(`Cannot ${request.verb} "${request.instance}": it has no open incident`)
  const { incident } = held
  if (request.incident !== undefined && request.incident !== incident.id)
    throw new InputError(
      `Cannot ${request.verb} "${request.incident}": the open incident of ${request.instance} is ${incident.id}`,
    )
  if (request.verb === 'approve' && incident.verdict === 'isolate')
    throw new InputError(
      `Cannot approve "${request.instance}": its incident ${incident.id} is approved already or needs no approval`,
    )
  if (request.verb === 'approve' && incident.drill)
    throw new InputError(`Cannot approve "${request.instance}": its incident ${incident.id} is a drill`)
  const late = request.verb === 'approve' ? lateness(incident, ports.clock.now()) : undefined
  if (late !== undefined) throw new InputError(`Cannot approve "${request.instance}": ${late}`)
  const force = request.verb === 'release' ? (request.force ?? []) : []
  const unknown = force.find(one => incident.steps[one] === undefined)
  if (unknown !== undefined)
    throw new InputError(
      `Cannot force "${unknown}": incident ${incident.id} has no such step, but ${Object.keys(incident.steps).join(', ')}`,
    )
  const target = { instance: request.instance, incident: incident.id, by: request.by }
  const order: Order =
    request.verb === 'approve'
      ? { kind: 'approve', ...target }
      : { kind: 'release', ...target, ...(force.length > 0 ? { force } : {}) }
  const id = digest(request.verb, incident.id, incident.journal.sequence, ...force.toSorted())
  await ports.queue.send({ lane: request.instance, id, order })
  return { queued: request.verb, instance: request.instance, id: incident.id }
}

async function startDrill(ports: OperatePorts, policy: Policy, target: string, who: string): Promise<Answer> {
  const [row, halt] = await Promise.all([ports.ledger.read(inventoryKeys.instance(target)), readHalt(ports.ledger)])
  const halted = haltedBecause(halt)
  if (halted !== undefined) throw new InputError(`Cannot drill "${target}": ${halted}`)
  if (!row)
    throw new InputError(`Cannot drill "${target}": the inventory does not know it (verify fills it every few minutes)`)
  const held = await loadIncident(ports.ledger, target)
  if (held && held.incident.closedAt === undefined && !held.incident.drill)
    throw new InputError(`Cannot drill "${target}": its incident ${held.incident.id} is open and no drill`)
  const { account, region, vpc, tags, interfaces } = InstanceRow.parse(row.value)
  const { key, value } = policy.drill
  if (!matches(tags, policy.drill))
    throw new InputError(`Cannot drill "${target}": it does not carry the drill tag ${key}=${value ?? '…'}`)
  const at = ports.clock.now()
  const finding: Finding = {
    id: digest('drill', target, at),
    at,
    decision: 'isolate',
    score: 100,
    account,
    region,
    instance: target,
    placement: { vpc, interfaces: interfaces.map(({ id, subnet, acl }) => ({ id, subnet, acl })) },
    signals: [
      {
        rule: 'drill',
        family: 'identity',
        points: 100,
        first: Math.floor(at / 1000),
        last: Math.floor(at / 1000),
        detail: `A drill that ${who} asked for`,
      },
    ],
    peers: [],
    exhibits: [],
    drill: true,
  }
  await ports.queue.send({ lane: target, id: finding.id, order: { kind: 'finding', finding } })
  return { queued: 'drill', instance: target, id: finding.id }
}

async function statusOf(ledger: Ledger, target: string | undefined): Promise<Answer> {
  const [one, halt, suppressed] = await Promise.all([
    target === undefined ? undefined : loadIncident(ledger, target),
    haltStatus(ledger),
    listSuppressed(ledger, target),
  ])
  const { held, unreadable } =
    target === undefined ? await listIncidents(ledger) : { held: one ? [one] : [], unreadable: [] }
  const incidents = await Promise.all(
    held.map(async ({ incident }) => {
      const journal = await readJournal(ledger, incident.id)
      const broken = brokenAt(journal)
      return { incident, journal, ...(broken === undefined ? {} : { brokenAt: broken }) }
    }),
  )
  return { incidents, unreadable, suppressed, ...(halt ? { halt } : {}) }
}

function digest(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
