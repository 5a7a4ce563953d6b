import type * as z from 'zod'
import { AclRow, AddressRow, InstanceRow, InterfaceRow, inventoryKeys } from './inventory.ts'
import type { Clock, Key, Ledger } from './ports.ts'

/** Who held an interface or an address when a record was made. Unknown and ambiguous are answers, never guesses. */
export type Holder =
  | {
      readonly known: true
      readonly row: InstanceRow
      readonly interface: string
      readonly acl: string
      readonly addresses: readonly string[]
    }
  | { readonly known: false; readonly reason: Unattributed }

export type Unattributed = 'unknown' | 'ambiguous' | 'before the tenure' | 'before the launch' | 'too many'

export interface Attribution {
  /** Reads what a batch will ask for, at once. What was read lately is not read again, what was found missing sooner. */
  load(interfaces: Iterable<string>, addresses: Iterable<string>, instances: Iterable<string>): Promise<void>
  /** Times in seconds since the epoch: the record's start and end. */
  byInterface(networkInterface: string, start: number, end: number): Holder
  /** A private address may stand in several VPCs, so the VPC must be known. */
  byAddress(address: string, vpc: string, start: number, end: number): Holder
  byInstance(instance: string, time: number): Holder
  /** The ACL that the interface stands behind, whoever holds it; `undefined` where the inventory does not know it. */
  aclOf(networkInterface: string): string | undefined
}

/**
 * Milliseconds. Logs come a minute apart, and what is read for one must serve the next ones. It stays well below the 5 to 10
 * minutes by which flow logs are late: who holds an interface anew is known here before the first record of it comes.
 */
const FRESH_FOR = { found: 150_000, missing: 60_000 } as const
const MAX_CACHED = 20_000
/** A batch names few interfaces; one that names thousands is made up, and each would cost a read. */
const MAX_ASKED = 2000

const unknown = (reason: Unattributed): Holder => ({ known: false, reason })

/** Attributes records by the timed inventory in the ledger. */
export function attribution(ledger: Ledger, clock: Clock): Attribution {
  const cache = new Map<string, { readonly value: unknown; readonly at: number }>()
  let acls: { readonly byInterface: ReadonlyMap<string, string>; readonly at: number } | undefined

  const isFresh = (at: number, found: boolean) => at > clock.now() - FRESH_FOR[found ? 'found' : 'missing']

  async function read(keys: Iterable<Key>): Promise<void> {
    const missing = [...new Map([...keys].map(key => [key.sort, key])).values()].filter(({ sort }) => {
      const known = cache.get(sort)
      return !known || !isFresh(known.at, known.value !== undefined)
    })
    await Promise.all(
      missing.slice(0, MAX_ASKED).map(async key => {
        const row = await ledger.read(key)
        cache.delete(key.sort)
        cache.set(key.sort, { value: row?.value, at: clock.now() })
      }),
    )
    for (const oldest of cache.keys()) {
      if (cache.size <= MAX_CACHED) break
      cache.delete(oldest)
    }
  }

  function known(key: Key): unknown {
    return cache.get(key.sort)?.value
  }

  /** Interfaces that no instance holds, such as those of load balancers, stand in the ACLs' rows only. */
  async function loadAcls(): Promise<void> {
    if (acls && isFresh(acls.at, false)) return
    const rows = await ledger.list(inventoryKeys.partition, inventoryKeys.acl('').sort)
    const behind = rows.flatMap(row => AclRow.safeParse(row.value).data ?? [])
    acls = {
      byInterface: new Map(behind.flatMap(({ acl, interfaces }) => interfaces.map(id => [id, acl] as const))),
      at: clock.now(),
    }
  }

  function interfaceRow(networkInterface: string): InterfaceRow | undefined {
    return interfaceOf(known(inventoryKeys.interface(networkInterface)))
  }

  function held(instance: string, start: number): InstanceRow | Unattributed {
    const row = instanceOf(known(inventoryKeys.instance(instance)))
    if (!row) return 'unknown'
    return start * 1000 < Math.floor(row.launchedAt / 1000) * 1000 ? 'before the launch' : row
  }

  return {
    async load(interfaces, addresses, instances) {
      const ids = [...new Set(interfaces)]
      await read([...ids.map(inventoryKeys.interface), ...Iterator.from(addresses).map(inventoryKeys.address)])
      const holders = ids.flatMap(id => interfaceRow(id)?.tenures.map(({ instance }) => instance) ?? [])
      const others = [...new Set(addresses)].flatMap(
        address => addressOf(known(inventoryKeys.address(address)))?.tenures ?? [],
      )
      await Promise.all([
        read([...holders, ...others.map(({ instance }) => instance), ...instances].map(inventoryKeys.instance)),
        read(others.map(tenure => inventoryKeys.interface(tenure.interface))),
        ids.some(id => !interfaceRow(id)?.tenures.length) ? loadAcls() : undefined,
      ])
    },

    byInterface(networkInterface, start, end) {
      if (!cache.has(inventoryKeys.interface(networkInterface).sort)) return unknown('too many')
      const tenures = interfaceRow(networkInterface)?.tenures ?? []
      const fitting = coveringTenures(tenures, start, end)
      if (typeof fitting === 'string') return unknown(fitting)
      const row = held(fitting.instance, start)
      if (typeof row === 'string') return unknown(row)
      return { known: true, row, interface: networkInterface, acl: fitting.acl, addresses: fitting.addresses }
    },

    byAddress(address, vpc, start, end) {
      const row = addressOf(known(inventoryKeys.address(address)))
      const inVpc = (row?.tenures ?? []).filter(tenure => tenure.vpc === vpc)
      const fitting = coveringTenures(inVpc, start, end)
      if (typeof fitting === 'string') return unknown(fitting)
      const holder = held(fitting.instance, start)
      if (typeof holder === 'string') return unknown(holder)
      const acl = interfaceRow(fitting.interface)?.tenures.at(-1)?.acl
      if (acl === undefined) return unknown('unknown')
      return { known: true, row: holder, interface: fitting.interface, acl, addresses: [address] }
    },

    byInstance(instance, time) {
      const row = held(instance, time)
      if (typeof row === 'string') return unknown(row)
      const [primary] = row.interfaces
      if (!primary) return unknown('unknown')
      const addresses = row.interfaces.flatMap(one => [...one.addresses, ...one.publicAddresses])
      return { known: true, row, interface: primary.id, acl: primary.acl, addresses }
    },

    aclOf: networkInterface =>
      interfaceRow(networkInterface)?.tenures.at(-1)?.acl ?? acls?.byInterface.get(networkInterface),
  }
}

const interfaceOf = reader(InterfaceRow)
const addressOf = reader(AddressRow)
const instanceOf = reader(InstanceRow)

/**
 * A row that is none attributes nothing: its records are counted as unattributed, and the others go on. Every record asks for
 * its rows, so each is parsed once.
 */
function reader<T>(schema: z.ZodType<T>): (value: unknown) => T | undefined {
  const read = new WeakMap<object, { readonly row: T | undefined }>()
  return value => {
    if (typeof value !== 'object' || value === null) return undefined
    const known = read.get(value) ?? { row: schema.safeParse(value).data }
    read.set(value, known)
    return known.row
  }
}

interface Tenure {
  readonly instance: string
  readonly from: number
  readonly to?: number | undefined
}

/**
 * The one tenure that the record lies in wholly. Its end is noticed late, so where a second holder's tenure covers the record
 * too nobody knows whose it is. Logs give whole seconds: the second in which a tenure begins belongs to it.
 */
function coveringTenures<T extends Tenure>(tenures: readonly T[], start: number, end: number): T | Unattributed {
  if (tenures.length === 0) return 'unknown'
  const fitting = tenures.filter(
    ({ from, to }) => start * 1000 >= Math.floor(from / 1000) * 1000 && (to === undefined || end * 1000 <= to),
  )
  const [first] = fitting
  if (!first) return 'before the tenure'
  return fitting.some(({ instance }) => instance !== first.instance) ? 'ambiguous' : (fitting.at(-1) ?? first)
}
