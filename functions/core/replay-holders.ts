import { isExternal } from './address.ts'
import type { Attribution, Holder } from './attribution.ts'
import type { Flow } from './flow.ts'
import type { InstanceRow } from './inventory.ts'
import type { Policy } from './policy.ts'
import { matches } from './tag-selector.ts'

/** Who held an interface over the whole of the logs, as the operator says it. */
export interface Holding {
  readonly interface: string
  readonly instance: string
  readonly addresses: readonly string[]
  readonly tags: Readonly<Record<string, string>>
}

export interface Held {
  readonly row: InstanceRow
  readonly inScope: boolean
  readonly interface: string
  /** The interface's own addresses. */
  readonly addresses: string[]
  /** How often each inner address stood in a record of the interface; `undefined` where the inventory says whose they are. */
  readonly counts: Map<string, number> | undefined
  /** Its first address is its own beyond doubt. */
  sure: boolean
}

export interface Holders extends Omit<Attribution, 'load'> {
  held(networkInterface: string): Held | undefined
  /** Whether the interface's holder is the flow's source; `undefined` where neither end is, or where it is not known yet. */
  outOf(held: Held, flow: Flow): boolean | undefined
  /** An address by which a record's side is told without asking `outOf`; `undefined` where there is no such one. */
  ownOf(held: Held): string | undefined
  /** The same for a flow that was not known yet, by what is known now; the client's side where nothing tells. */
  outAfterAll(held: Held, flow: Flow): boolean | undefined
  /** The record as one of the instance that has the address; `always` also where no other log has named it yet. */
  addressed<T extends { readonly instance: string | undefined }>(record: T, address: string, always: boolean): T
  /** Instances in scope that are known so far. */
  scopeSize(): number
}

/** An interface has one address of each family, mostly; those of pods and of peers inside stand beside it. */
const MAX_COUNTED = 64
const SURE_AFTER = 64
/** A log that is made up may name interfaces without end. */
const MAX_INTERFACES = 20_000

const ACL = 'acl'
const VPC = 'vpc'

/** Attributes by an inventory that holds for all the time. */
export function statedHolders(holdings: readonly Holding[], { scope, exemption }: Policy): Holders {
  const byInterface = new Map<string, Held>()
  const byAddress = new Map<string, Held>()
  const byInstance = new Map<string, Held>()
  for (const [instance, own] of Map.groupBy(holdings, holding => holding.instance)) {
    const tags = Object.assign({}, ...own.map(holding => holding.tags))
    const inScope = matches(tags, scope) && !matches(tags, exemption)
    const row = rowOf(
      instance,
      inScope,
      own.map(holding => ({ id: holding.interface, addresses: holding.addresses })),
    )
    for (const holding of own) {
      const held = {
        row,
        inScope,
        interface: holding.interface,
        addresses: [...holding.addresses],
        counts: undefined,
        sure: true,
      }
      byInterface.set(holding.interface, held)
      if (!byInstance.has(instance)) byInstance.set(instance, held)
      for (const address of holding.addresses) byAddress.set(address, held)
    }
  }
  const scopeSize = [...byInstance.values()].filter(held => held.inScope).length
  return {
    held: networkInterface => byInterface.get(networkInterface),
    outOf: (held, flow) => sideOf(held.addresses, flow),
    ownOf: ({ addresses }) => (addresses.length === 1 ? addresses[0] : undefined),
    outAfterAll: () => undefined,
    addressed: record => record,
    scopeSize: () => scopeSize,
    byInterface: id => holderOf(byInterface.get(id)),
    byAddress: address => holderOf(byAddress.get(address)),
    byInstance: instance => holderOf(byInstance.get(instance)),
    aclOf: () => ACL,
  }
}

/**
 * Without an inventory every interface is an instance in scope, named by the interface, and its own address is learned: the
 * inner one of a record with the outside, or the one that stands in more of its records than any other. What names no
 * interface (firewalls, resolvers) belongs to whoever has the address, and else to an instance named by the address.
 */
export function learnedHolders(adopt: (address: string, held: Held) => void): Holders {
  const byInterface = new Map<string, Held>()
  const byAddress = new Map<string, Held>()
  const byInstance = new Map<string, Held>()

  function newHeld(instance: string, networkInterface: string, addresses: string[]): Held {
    const held = {
      row: rowOf(instance, true, [{ id: networkInterface, addresses }]),
      inScope: true,
      interface: networkInterface,
      addresses,
      counts: new Map<string, number>(),
      sure: false,
    }
    byInstance.set(instance, held)
    return held
  }

  function held(id: string): Held | undefined {
    const known = byInterface.get(id)
    if (known || byInterface.size >= MAX_INTERFACES) return known
    const one = byInstance.get(id) ?? newHeld(id, id, [])
    byInterface.set(id, one)
    return one
  }

  function ofAddress(address: string): Held | undefined {
    const known = byAddress.get(address)
    if (known || isExternal(address) || byAddress.size >= MAX_INTERFACES) return known
    const one = newHeld(address, address, [address])
    byAddress.set(address, one)
    return one
  }

  function known(one: Held, flow: Flow, out: boolean): boolean {
    const own = out ? flow.source : flow.destination
    if (one.addresses[0] === own) {
      one.sure ||= (one.counts?.get(own) ?? 0) >= SURE_AFTER
      return out
    }
    if (!one.addresses.includes(own) && one.addresses.length < MAX_COUNTED) {
      one.addresses.push(own)
      if (!isExternal(own)) {
        byAddress.set(own, one)
        adopt(own, one)
      }
    }
    return out
  }

  return {
    held,
    outOf(one, flow) {
      const [first] = one.addresses
      if (first !== undefined && one.sure) {
        if (first === flow.source) return true
        if (first === flow.destination) return false
      }
      const out = flow.direction === undefined ? learn(one, flow) : told(one, flow, flow.direction === 'egress')
      return out === undefined ? undefined : known(one, flow, out)
    },
    ownOf: ({ sure, addresses }) => (sure ? addresses[0] : undefined),
    outAfterAll(one, flow) {
      const from = one.counts?.get(flow.source) ?? 0
      const to = one.counts?.get(flow.destination) ?? 0
      return known(one, flow, from === to ? flow.sourcePort >= flow.destinationPort : from > to)
    },
    addressed(record, address, always) {
      if (record.instance === undefined || address === '') return record
      const own = always ? ofAddress(address) : byAddress.get(address)
      return own ? { ...record, instance: own.row.instance } : record
    },
    scopeSize: () => byInstance.size,
    byInterface: id => holderOf(held(id)),
    byAddress: address => holderOf(ofAddress(address)),
    byInstance(instance) {
      const known = byInstance.get(instance)
      return holderOf(known ?? (byInstance.size < MAX_INTERFACES ? newHeld(instance, instance, []) : undefined))
    },
    aclOf: () => ACL,
  }
}

/** The side whose address the interface has, by what was seen of it so far; `undefined` while two inner ones are level. */
function learn({ counts }: Held, { source, destination }: Flow): boolean | undefined {
  if (!counts) return undefined
  const from = count(counts, source)
  const to = count(counts, destination)
  if (from !== to) return from > to
  // Level: only two addresses were ever seen. An outer one is nobody's own.
  const outer = isExternal(source)
  return outer === isExternal(destination) ? undefined : !outer
}

/** What the record itself says, which its address will say too. */
function told({ counts }: Held, { source, destination }: Flow, out: boolean): boolean {
  if (counts) count(counts, out ? source : destination)
  return out
}

function count(counts: Map<string, number>, address: string): number {
  const before = counts.get(address)
  // A public IPv4 address is never an interface's own: the internet gateway translates it. A public IPv6 one may be.
  const outer = () => !address.includes(':') && isExternal(address)
  if (before === undefined && (counts.size >= MAX_COUNTED || outer())) return 0
  counts.set(address, (before ?? 0) + 1)
  return (before ?? 0) + 1
}

function sideOf(addresses: readonly string[], { source, destination, direction }: Flow): boolean | undefined {
  if (addresses.includes(source)) return true
  if (addresses.includes(destination)) return false
  return direction === undefined ? undefined : direction === 'egress'
}

function holderOf(held: Held | undefined): Holder {
  if (!held) return { known: false, reason: 'unknown' }
  return { known: true, row: held.row, interface: held.interface, acl: ACL, addresses: held.addresses }
}

function rowOf(
  instance: string,
  inScope: boolean,
  interfaces: readonly { readonly id: string; readonly addresses: readonly string[] }[],
): InstanceRow {
  return {
    instance,
    account: '',
    region: '',
    vpc: VPC,
    launchedAt: 0,
    tags: {},
    ...(inScope && { scopedAt: Number.MAX_SAFE_INTEGER }),
    interfaces: interfaces.map(({ id, addresses }) => ({
      id,
      subnet: VPC,
      acl: ACL,
      addresses: [...addresses],
      publicAddresses: [],
    })),
    seenAt: 0,
  }
}
