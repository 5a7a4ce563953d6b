import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { Halted, Listed, Queued, Shown } from './answers.ts'
import { lateness } from './approval.ts'
import { InputError } from './errors.ts'
import type { Finding } from './finding.ts'
import { haltedBecause, readHalt, setHalt } from './halt.ts'
import type { Incident } from './incident.ts'
import { loadIncident } from './incident-store.ts'
import { InstanceRow, inventoryKeys } from './inventory.ts'
import { type LookPorts, list, show } from './looking.ts'
import type { Order } from './order.ts'
import type { Policy } from './policy.ts'
import type { Queue } from './ports.ts'
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
  /** Open incidents first. `all`: also those that were followed by another one of their instance. */
  z.strictObject({ verb: z.literal('list'), all: z.boolean().optional() }),
  /** An incident by its own id or its instance's; of its journal the entries after `after`. */
  z.strictObject({ verb: z.literal('show'), id: instance, after: z.number().int().min(0).optional() }),
])
export type Request = z.infer<typeof Request>

export interface OperatePorts extends LookPorts {
  readonly queue: Queue
}

export type Answer = Queued | Halted | Listed | Shown

export async function operate(ports: OperatePorts, policy: Policy, request: Request): Promise<Answer> {
  if (request.verb === 'list') return list(ports, request.all ?? false)
  if (request.verb === 'show') return show(ports, request.id, request.after)
  if (request.verb === 'halt' || request.verb === 'resume') {
    const halt = { halted: request.verb === 'halt', by: request.by, reason: request.reason, at: ports.clock.now() }
    await setHalt(ports.ledger, halt)
    return { halt }
  }
  if (request.verb === 'drill') return startDrill(ports, policy, request.instance, request.by)
  const held = await loadIncident(ports.ledger, request.instance)
  if (held?.incident.closedAt !== undefined || !held)
    throw new InputError(
      `Cannot ${request.verb} "${request.instance}": it has no open incident${endOf(held?.incident)}`,
    )
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
  const { instance, by } = request
  return { queued: request.verb, instance, id: incident.id, by, after: incident.journal.sequence }
}

/** Whoever comes second learns who was first. */
function endOf(incident: Incident | undefined): string {
  if (incident?.closedAt === undefined) return ''
  const by = incident.releasedBy === undefined ? '' : ` by ${incident.releasedBy}`
  return `; ${incident.id} was closed at ${new Date(incident.closedAt).toISOString()}${by}`
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
  return { queued: 'drill', instance: target, id: finding.id, by: who, after: 0 }
}

function digest(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
