import * as z from 'zod'
import { RetryableError } from './errors.ts'
import type { Key, Ledger, Row } from './ports.ts'
import { afterLostRace, MAX_RACES } from './races.ts'

/**
 * Which incidents need which deny in a shared ACL. The entry goes when the last incident leaves, whoever made it, so the
 * lease also holds the entries' identifiers.
 */
export const Leases = z.object({
  leases: z.array(
    z.object({
      peer: z.string().max(64),
      incidents: z.array(z.string().max(64)),
      entries: z.array(z.string().max(256)),
    }),
  ),
})
export type Leases = z.infer<typeof Leases>

const partition = 'leases'

export function leaseKey(acl: string): Key {
  return { partition, sort: acl }
}

function leasesOf(row: Row | undefined): Leases {
  return row ? Leases.parse(row.value) : { leases: [] }
}

export async function changeLeases(
  ledger: Ledger,
  acl: string,
  known: Row | undefined,
  edit: (leases: Leases) => Leases,
): Promise<Leases> {
  let row = known
  for (let race = 0; race < MAX_RACES; race++) {
    const next = edit(leasesOf(row))
    if (await ledger.write(leaseKey(acl), next, row?.version ?? 'absent')) return next
    await afterLostRace(ledger, race)
    row = await ledger.read(leaseKey(acl))
  }
  throw new RetryableError(`Cannot change the leases of ${acl}: ${MAX_RACES} other writers came first`)
}

/** `known` is the row as it was read before, or `undefined` where there was none: without a race this is one round trip. */
export async function holdLeases(
  ledger: Ledger,
  acl: string,
  peers: readonly string[],
  incident: string,
  known: Row | undefined,
): Promise<void> {
  const held = leasesOf(known).leases
  if (peers.every(peer => held.some(lease => lease.peer === peer && lease.incidents.includes(incident)))) return
  await changeLeases(ledger, acl, known, ({ leases }) => ({
    leases: peers.reduce((all, peer) => {
      const lease = all.find(one => one.peer === peer) ?? { peer, incidents: [], entries: [] }
      const incidents = lease.incidents.includes(incident) ? lease.incidents : [...lease.incidents, incident]
      return [...all.filter(one => one.peer !== peer), { ...lease, incidents }]
    }, leases),
  }))
}

/** ACL → peer → the entries that deny it. */
export type DenyEntries = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>

/** Records which entries deny a peer, so that the last incident to leave can take them away. */
export async function recordEntries(ledger: Ledger, made: DenyEntries): Promise<void> {
  for (const [acl, peers] of made) {
    const row = await ledger.read(leaseKey(acl))
    const isNews = leasesOf(row).leases.some(({ peer, entries }) =>
      peers.get(peer)?.some(entry => !entries.includes(entry)),
    )
    if (isNews)
      await changeLeases(ledger, acl, row, ({ leases }) => ({
        leases: leases.map(lease => ({
          ...lease,
          entries: [...new Set([...lease.entries, ...(peers.get(lease.peer) ?? [])])],
        })),
      }))
  }
}

/** The entries that no incident would need any more if this one left. Changes nothing. */
export async function entriesWithout(ledger: Ledger, acl: string, incident: string): Promise<string[]> {
  const { leases } = leasesOf(await ledger.read(leaseKey(acl)))
  return leases.filter(({ incidents }) => incidents.every(one => one === incident)).flatMap(({ entries }) => entries)
}

/** The incident needs nothing of this ACL any more. Returns the entries that no incident needs now. */
export async function leaveLeases(ledger: Ledger, acl: string, incident: string): Promise<string[]> {
  const row = await ledger.read(leaseKey(acl))
  if (!row) return []
  // The lease itself stays until its entries are gone: a release that dies half way finds them again.
  const { leases: left } = await changeLeases(ledger, acl, row, ({ leases }) => ({
    leases: leases.map(lease => ({ ...lease, incidents: lease.incidents.filter(one => one !== incident) })),
  }))
  return left.filter(lease => lease.incidents.length === 0).flatMap(lease => lease.entries)
}

/** Forgets the leases that nobody holds, once their entries are gone. */
export async function dropLeases(ledger: Ledger, acl: string): Promise<void> {
  const row = await ledger.read(leaseKey(acl))
  if (row)
    await changeLeases(ledger, acl, row, ({ leases }) => ({
      leases: leases.filter(lease => lease.incidents.length > 0),
    }))
}
