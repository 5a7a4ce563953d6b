import { isDeepStrictEqual } from 'node:util'
import type { Fleet } from './fleet.ts'
import {
  type AclRow,
  AddressRow,
  InstanceRow,
  InterfaceRow,
  inventoryKeys,
  NetworkRow,
  type ScopeRow,
} from './inventory.ts'
import type { Policy } from './policy.ts'
import type { Key, Ledger, Row } from './ports.ts'
import { matches, selectorText, type TagSelector } from './tag-selector.ts'

/** Who held something before the last few holders matters to no record that may still arrive. */
const MAX_TENURES = 8

/** A row that is written again only to say "still so" is written at most this often. */
const REFRESH_MS = 10 * 60_000

/** What ended is kept for so long: no record that comes later is attributed to it. */
const KEPT_MS = 30 * 24 * 3_600_000

/** By their ids; one that could not be prepared now keeps the id that is recorded. */
export interface PreparedGroups {
  readonly quarantine?: string | undefined
  readonly transit?: string | undefined
}

interface Write {
  readonly key: Key
  readonly value: unknown
  /** Milliseconds since the epoch; absent for what still stands. */
  readonly expires?: number | undefined
}

/**
 * Brings the timed inventory up to date with the fleet as the cloud shows it now. What ended is closed with a time and kept
 * for a month: a late record is attributed to who held the address then. Returns how many instances are in scope.
 */
export async function keepInventory(
  ledger: Ledger,
  fleet: Fleet,
  policy: Policy,
  prepared: ReadonlyMap<string, PreparedGroups>,
): Promise<{ inScope: number; written: number }> {
  const rows = new Map((await ledger.list(inventoryKeys.partition)).map(row => [row.key.sort, row]))
  const instances = instanceRows(rows, fleet, policy)
  const inScope = instances.filter(({ goneAt, scopedAt }) => goneAt === undefined && scopedAt === fleet.at).length
  const wanted: Write[] = [
    ...instances.map(value => ({
      key: inventoryKeys.instance(value.instance),
      value,
      expires: value.goneAt === undefined ? undefined : value.goneAt + KEPT_MS,
    })),
    ...tenureRows(rows, fleet),
    ...aclRows(fleet),
    ...networkRows(rows, fleet, prepared),
    { key: inventoryKeys.scope, value: { inScope, at: fleet.at } satisfies ScopeRow },
  ]
  const changed = wanted.filter(({ key, value }) => isWorthWriting(rows.get(key.sort)?.value, value))
  // Of two runs at once each writes what it saw change; a lost race is made good a few minutes later.
  const writers = changed.values()
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const { key, value, expires } of writers)
        await ledger.write(key, value, rows.get(key.sort)?.version ?? 'absent', expires)
    }),
  )
  return { inScope, written: changed.length }
}

const CLOCKS = ['seenAt', 'scopedAt', 'at'] as const

function isWorthWriting(before: unknown, after: unknown): boolean {
  if (!isRecord(before) || !isRecord(after)) return true
  const old = CLOCKS.some(clock => Number(after[clock] ?? 0) - Number(before[clock] ?? 0) >= REFRESH_MS)
  return old || !isDeepStrictEqual(withoutClocks(before), withoutClocks(after))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function withoutClocks(row: Record<string, unknown>): Record<string, unknown> {
  // Whether a clock stands there at all is a fact (in scope ever, or never); its time alone is not.
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, CLOCKS.some(clock => clock === name) ? true : value]),
  )
}

/** A match that ended is kept with its end: what a tag said lately still counts for a day. */
function selectedOf(
  selectors: readonly TagSelector[],
  tags: Readonly<Record<string, string>>,
  before: InstanceRow['selected'],
  at: number,
): InstanceRow['selected'] {
  const selected = selectors.flatMap(selector => {
    const text = selectorText(selector)
    const known = before?.[text]
    if (matches(tags, selector))
      return [[text, { since: known && known.until === undefined ? known.since : at }] as const]
    return known ? [[text, { ...known, until: known.until ?? at }] as const] : []
  })
  return selected.length > 0 ? Object.fromEntries(selected) : undefined
}

function instanceRows(rows: ReadonlyMap<string, Row>, fleet: Fleet, policy: Policy): InstanceRow[] {
  const selectors = [...policy.modes, ...policy.suppressions].flatMap(({ scope }) => scope ?? [])
  const present = fleet.instances.map((one): InstanceRow => {
    const row = rows.get(inventoryKeys.instance(one.instance).sort)
    const before = row && InstanceRow.parse(row.value)
    const scopedAt = matches(one.tags, policy.scope) ? fleet.at : before?.scopedAt
    const selected = selectedOf(selectors, one.tags, before?.selected, fleet.at)
    const exemptSince = matches(one.tags, policy.exemption) ? (before?.exemptSince ?? fleet.at) : undefined
    return {
      instance: one.instance,
      account: fleet.account,
      region: fleet.region,
      vpc: one.vpc,
      launchedAt: one.launchedAt,
      tags: { ...one.tags },
      interfaces: one.interfaces.map(({ id, subnet, acl, addresses, publicAddresses }) => ({
        id,
        subnet,
        acl,
        addresses: [...addresses],
        publicAddresses: [...publicAddresses],
      })),
      seenAt: fleet.at,
      ...(scopedAt === undefined ? {} : { scopedAt }),
      ...(exemptSince === undefined ? {} : { exemptSince }),
      ...(selected === undefined ? {} : { selected }),
    }
  })
  const seen = new Set(fleet.instances.map(({ instance }) => instance))
  const gone = [...rows]
    .filter(([sort]) => sort.startsWith('instance/'))
    .map(([, row]) => InstanceRow.parse(row.value))
    .filter(({ instance }) => !seen.has(instance))
    .map(row => ({ ...row, goneAt: row.goneAt ?? fleet.at }))
  return [...present, ...gone]
}

interface Tenure {
  readonly instance: string
  readonly from: number
  readonly to?: number | undefined
}

/** The tenures with those that ended closed and those that began added. `same` tells whether a tenure goes on. */
function continued<T extends Tenure>(
  before: readonly T[],
  now: readonly T[],
  at: number,
  same: (a: T, b: T) => boolean,
): T[] {
  const kept = before.map(one =>
    one.to === undefined && !now.some(other => same(one, other)) ? { ...one, to: at } : one,
  )
  const begun = now.filter(one => !before.some(other => other.to === undefined && same(one, other)))
  return [...kept, ...begun].slice(-MAX_TENURES)
}

function endOf(tenures: readonly Tenure[]): number | undefined {
  const ends = tenures.flatMap(({ to }) => to ?? [])
  return ends.length === tenures.length ? Math.max(0, ...ends) + KEPT_MS : undefined
}

function tenureRows(rows: ReadonlyMap<string, Row>, fleet: Fleet): Write[] {
  const interfaces = new Map<string, InterfaceRow['tenures']>()
  const addresses = new Map<string, AddressRow['tenures']>()
  for (const { instance, vpc, launchedAt, interfaces: held } of fleet.instances)
    for (const { id, subnet, acl, addresses: inside, publicAddresses } of held) {
      // An instance that is seen for the first time held its first interfaces since its launch.
      const from = rows.has(inventoryKeys.instance(instance).sort) ? fleet.at : launchedAt
      interfaces.set(id, [{ instance, from, vpc, subnet, acl, addresses: [...inside] }])
      for (const address of [...inside, ...publicAddresses])
        addresses.set(address, [...(addresses.get(address) ?? []), { instance, from, vpc, interface: id }])
    }
  const known = (prefix: string) =>
    [...rows.keys()].filter(sort => sort.startsWith(prefix)).map(sort => sort.slice(prefix.length))
  const writes: Write[] = []
  for (const id of new Set([...known('interface/'), ...interfaces.keys()])) {
    const key = inventoryKeys.interface(id)
    const before = rows.get(key.sort)
    const tenures = continued(
      before ? InterfaceRow.parse(before.value).tenures : [],
      interfaces.get(id) ?? [],
      fleet.at,
      (a, b) =>
        a.instance === b.instance &&
        a.subnet === b.subnet &&
        a.acl === b.acl &&
        isDeepStrictEqual(a.addresses, b.addresses),
    )
    writes.push({ key, value: { interface: id, tenures } satisfies InterfaceRow, expires: endOf(tenures) })
  }
  for (const address of new Set([...known('address/'), ...addresses.keys()])) {
    const key = inventoryKeys.address(address)
    const before = rows.get(key.sort)
    const tenures = continued(
      before ? AddressRow.parse(before.value).tenures : [],
      addresses.get(address) ?? [],
      fleet.at,
      (a, b) => a.instance === b.instance && a.interface === b.interface,
    )
    writes.push({ key, value: { address, tenures } satisfies AddressRow, expires: endOf(tenures) })
  }
  return writes
}

function aclRows(fleet: Fleet): Write[] {
  const byAcl = Map.groupBy(fleet.interfaces, ({ acl }) => acl)
  return [...byAcl].map(([acl, interfaces]) => ({
    key: inventoryKeys.acl(acl),
    value: { acl, interfaces: interfaces.map(({ id }) => id).toSorted() } satisfies AclRow,
  }))
}

function networkRows(
  rows: ReadonlyMap<string, Row>,
  fleet: Fleet,
  prepared: ReadonlyMap<string, PreparedGroups>,
): Write[] {
  return fleet.networks.map(({ vpc, cidrs, peeredCidrs, endpoints }) => {
    const key = inventoryKeys.network(vpc)
    const row = rows.get(key.sort)
    const recorded = row && NetworkRow.parse(row.value)
    const quarantine = prepared.get(vpc)?.quarantine ?? recorded?.quarantine
    const transit = prepared.get(vpc)?.transit ?? recorded?.transit
    return {
      key,
      value: {
        vpc,
        cidrs: [...cidrs],
        peeredCidrs: [...peeredCidrs],
        endpoints: [...endpoints],
        ...(quarantine === undefined ? {} : { quarantine }),
        ...(transit === undefined ? {} : { transit }),
        seenAt: fleet.at,
      } satisfies NetworkRow,
    }
  })
}
