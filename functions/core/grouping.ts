import { isExternal } from './address.ts'
import type { Attribution, Holder, Unattributed } from './attribution.ts'
import { seenBy } from './conversation.ts'
import {
  type Delivery,
  type Unsound,
  unsoundAlert,
  unsoundCall,
  unsoundCoverage,
  unsoundFlow,
  unsoundLoad,
  unsoundName,
} from './delivery.ts'
import type { Alert, Coverage, Flow, Load, NameSeen, ToolCall } from './flow.ts'
import { type InstanceRow, standing } from './inventory.ts'
import type { Covered } from './log-coverage.ts'
import { nameCoverage, nameUse } from './name-uses.ts'
import { ownerOf, type PeerUse, UNKNOWN_ACL } from './neighbours.ts'
import type { InstanceUse } from './prevalence.ts'

/** What a delivery says of one in-scope instance. */
export interface Evidence {
  readonly row: InstanceRow
  /** `out`: the instance is the source. In the order of their starts. */
  readonly flows: { readonly flow: Flow; readonly out: boolean }[]
  readonly coverage: Coverage[]
  readonly names: NameSeen[]
  readonly alerts: { readonly alert: Alert; readonly out: boolean | undefined }[]
  readonly loads: Load[]
  readonly toolCalls: ToolCall[]
}

export interface Grouped {
  readonly evidence: ReadonlyMap<string, Evidence>
  readonly uses: readonly PeerUse[]
  /** Which names the instances of a network asked its resolver for. */
  readonly nameUses: readonly PeerUse[]
  readonly instanceUses: readonly InstanceUse[]
  readonly covered: readonly Covered[]
  readonly outOfScope: number
  readonly unattributed: Readonly<Partial<Record<Reason, number>>>
  readonly unsound: readonly Unsound[]
}

type Reason = Unattributed | 'unknown firewall' | 'another account' | 'neither end is its holder'

export interface GroupingSettings {
  /** Firewall name → the VPC whose addresses its records carry. */
  readonly firewalls: Readonly<Record<string, string>>
  readonly exemptInstances: readonly string[]
}

/** Sorts what a delivery holds by the instance that it is about. Nobody is blamed whom the inventory does not name. */
export async function group(
  delivery: Delivery,
  attribution: Attribution,
  settings: GroupingSettings,
  now: number,
): Promise<Grouped> {
  const sound = soundOf(delivery, now)
  await attribution.load(...questions(sound))
  return groupSound(sound, attribution, settings, now)
}

type Kind = 'flows' | 'coverage' | 'names' | 'alerts' | 'loads' | 'toolCalls'

/** What of a delivery can be counted with, and what cannot. */
export interface Sound extends Pick<Delivery, Kind> {
  readonly unsound: readonly Unsound[]
}

export function soundOf(delivery: Pick<Delivery, Kind>, now: number): Sound {
  const seconds = now / 1000
  const unsound: Unsound[] = []
  function sound<T>(records: readonly T[], reasonOf: (record: T, now: number) => string | undefined): T[] {
    return records.filter(record => {
      const reason = reasonOf(record, seconds)
      if (reason !== undefined) unsound.push({ record, reason })
      return reason === undefined
    })
  }
  return {
    flows: sound(delivery.flows.map(whole), unsoundFlow),
    coverage: sound(delivery.coverage, unsoundCoverage),
    names: sound(delivery.names.map(timed), unsoundName),
    alerts: sound(delivery.alerts.map(timed), unsoundAlert),
    loads: sound(delivery.loads.map(timed), unsoundLoad),
    toolCalls: sound(delivery.toolCalls.map(whole), unsoundCall),
    unsound,
  }
}

/** The same where whatever the attribution needs is already there. */
export function groupSound(
  { flows, coverage, names, alerts, loads, toolCalls, unsound }: Sound,
  attribution: Omit<Attribution, 'load'>,
  settings: GroupingSettings,
  now: number,
): Grouped {
  const evidence = new Map<string, Evidence>()
  const uses = new Map<string, PeerUse>()
  const nameUses = new Map<string, PeerUse>()
  const asked = new Map<string, { first: number; last: number }>()
  const instanceUses = new Map<string, InstanceUse>()
  const covered: Covered[] = []
  const unattributed: Partial<Record<Reason, number>> = {}
  let outOfScope = 0

  const miss = (reason: Reason) => {
    unattributed[reason] = (unattributed[reason] ?? 0) + 1
  }
  function of(holder: Holder): Evidence | undefined {
    if (!holder.known) {
      miss(holder.reason)
      return undefined
    }
    const { row } = holder
    if (standing(row, now) !== 'in' || settings.exemptInstances.includes(row.instance)) {
      outOfScope++
      return undefined
    }
    const one = evidence.get(row.instance) ?? {
      row,
      flows: [],
      coverage: [],
      names: [],
      alerts: [],
      loads: [],
      toolCalls: [],
    }
    evidence.set(row.instance, one)
    return one
  }
  function use(acl: string, owner: string, peer: string, flow: Flow): void {
    if (!flow.accepted || !isExternal(peer)) return
    uses.set(`${acl} ${owner} ${peer}`, { acl, owner, peer, at: flow.end * 1000 })
  }
  function vpcOf(firewall: string | undefined): string | undefined {
    return firewall !== undefined && Object.hasOwn(settings.firewalls, firewall)
      ? settings.firewalls[firewall]
      : undefined
  }
  function put(flow: Flow, holder: Holder & { known: true }, out: boolean): void {
    const one = of(holder)
    if (!one) return
    one.flows.push({ flow, out })
    const seen = seenBy(flow, out)
    if (out && flow.accepted && seen.service === 'theirs' && isExternal(seen.peer))
      instanceUses.set(`${one.row.instance} ${seen.peer}`, {
        instance: one.row.instance,
        peer: seen.peer,
        at: flow.end * 1000,
      })
  }

  for (const flow of flows.toSorted((a, b) => a.start - b.start)) {
    if (flow.interface === undefined) {
      const vpc = vpcOf(flow.firewall)
      if (vpc === undefined) miss('unknown firewall')
      else {
        const ends = [
          { holder: attribution.byAddress(flow.source, vpc, flow.start, flow.end), out: true },
          { holder: attribution.byAddress(flow.destination, vpc, flow.start, flow.end), out: false },
        ]
        for (const { holder, out } of ends) if (holder.known) put(flow, holder, out)
        const [source] = ends
        if (source && !ends.some(({ holder }) => holder.known) && !source.holder.known) miss(source.holder.reason)
      }
      continue
    }
    const id = flow.interface
    covered.push(coverOf(attribution, { interface: id, start: flow.start, end: flow.end, status: 'ok' }))
    const holder = attribution.byInterface(id, flow.start, flow.end)
    if (!holder.known) {
      miss(holder.reason)
      // Whose it is is not known, but somebody behind the ACL used both ends.
      for (const peer of [flow.source, flow.destination]) use(attribution.aclOf(id) ?? UNKNOWN_ACL, id, peer, flow)
      continue
    }
    const out = sideOf(flow, holder.addresses)
    const owner = ownerOf(holder.row.interfaces.map(one => one.id))
    for (const peer of out === undefined ? [flow.source, flow.destination] : [out ? flow.destination : flow.source])
      use(holder.acl, owner, peer, flow)
    const account = flow.account === undefined || flow.account === 'unknown' || flow.account === holder.row.account
    if (!account) miss('another account')
    else if (out === undefined) miss('neither end is its holder')
    else put(flow, holder, out)
  }
  for (const window of coverage) {
    covered.push(coverOf(attribution, window))
    of(attribution.byInterface(window.interface, window.start, window.end))?.coverage.push(window)
  }
  for (const seen of names) {
    const vpc = seen.vpc ?? vpcOf(seen.firewall)
    if (seen.instance === undefined && vpc === undefined) {
      miss('unknown firewall')
      continue
    }
    const holder =
      seen.instance === undefined
        ? attribution.byAddress(seen.client, vpc ?? '', seen.time, seen.time)
        : attribution.byInstance(seen.instance, seen.time)
    of(holder)?.names.push(seen)
    if (seen.via !== 'dns' || vpc === undefined) continue
    // Out of scope or unknown, whoever asks would feel a deny.
    const owner = seen.instance ?? (holder.known ? holder.row.instance : seen.client)
    const used = nameUse(vpc, owner, seen.name, seen.time * 1000)
    nameUses.set(`${used.acl} ${owner} ${used.peer}`, used)
    const span = asked.get(vpc) ?? { first: seen.time, last: seen.time }
    asked.set(vpc, { first: Math.min(span.first, seen.time), last: Math.max(span.last, seen.time) })
  }
  for (const [vpc, { first, last }] of asked) covered.push(nameCoverage(vpc, first * 1000, last * 1000))
  for (const alert of alerts) {
    if (alert.instance !== undefined) {
      const holder = attribution.byInstance(alert.instance, alert.time)
      of(holder)?.alerts.push({ alert, out: holder.known ? sideOf(alert, holder.addresses) : undefined })
      continue
    }
    const vpc = vpcOf(alert.firewall)
    if (vpc === undefined) {
      miss('unknown firewall')
      continue
    }
    const ends = [
      { holder: attribution.byAddress(alert.source, vpc, alert.time, alert.time), out: true },
      { holder: attribution.byAddress(alert.destination, vpc, alert.time, alert.time), out: false },
    ]
    const known = ends.filter(({ holder }) => holder.known)
    for (const { holder, out } of known) of(holder)?.alerts.push({ alert, out })
    if (known.length === 0) miss('unknown')
  }
  // The agent names the instance itself, and an alarm names it by its dimension: there is nothing to guess where it is unknown.
  for (const load of loads) of(attribution.byInstance(load.instance, load.time))?.loads.push(load)
  for (const call of toolCalls) of(attribution.byInstance(call.instance, call.start))?.toolCalls.push(call)
  return {
    evidence,
    uses: [...uses.values()],
    nameUses: [...nameUses.values()],
    instanceUses: [...instanceUses.values()],
    covered: covered.filter(({ acl }) => acl !== UNKNOWN_ACL),
    outOfScope,
    unattributed,
    unsound,
  }
}

/** Logs of firewalls and resolvers give fractions of seconds; all that is kept is whole. */
function whole<T extends { readonly start: number; readonly end: number }>(record: T): T {
  return { ...record, start: Math.floor(record.start), end: Math.floor(record.end) }
}

function timed<T extends { readonly time: number }>(record: T): T {
  return { ...record, time: Math.floor(record.time) }
}

function coverOf(
  attribution: Pick<Attribution, 'aclOf'>,
  { interface: id, start, end, status }: Omit<Coverage, 'account'>,
): Covered {
  const acl = attribution.aclOf(id) ?? UNKNOWN_ACL
  return { acl, interface: id, start: start * 1000, end: end * 1000, skipped: status === 'skipped' }
}

/** The holder's own address tells the side; where it forwards for others (pods, a proxy), the log's direction does. */
function sideOf(
  { source, destination, direction }: Pick<Flow, 'source' | 'destination'> & { direction?: Flow['direction'] },
  addresses: readonly string[],
): boolean | undefined {
  if (addresses.includes(source)) return true
  if (addresses.includes(destination)) return false
  return direction === undefined ? undefined : direction === 'egress'
}

function questions({
  flows,
  coverage,
  names,
  alerts,
  loads,
  toolCalls,
}: Sound): [Set<string>, Set<string>, Set<string>] {
  const interfaces = new Set(coverage.map(window => window.interface))
  const addresses = new Set<string>()
  const instances = new Set([...loads, ...toolCalls].map(({ instance }) => instance))
  const ask = (address: string) => {
    // A public IPv4 address is never an interface's own: the internet gateway translates it. A public IPv6 one may be.
    if (address !== '' && (address.includes(':') || !isExternal(address))) addresses.add(address)
  }
  for (const flow of flows) {
    if (flow.interface !== undefined) interfaces.add(flow.interface)
    else for (const address of [flow.source, flow.destination]) ask(address)
  }
  for (const { instance, client } of names) {
    if (instance === undefined) ask(client)
    else instances.add(instance)
  }
  for (const { instance, source, destination } of alerts) {
    if (instance === undefined) for (const address of [source, destination]) ask(address)
    else instances.add(instance)
  }
  return [interfaces, addresses, instances]
}
