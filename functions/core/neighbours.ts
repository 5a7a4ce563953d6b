import type { NeighbourUse } from './denial.ts'
import { InputError } from './errors.ts'
import { hashText } from './hash.ts'
import { AclRow, inventoryKeys } from './inventory.ts'
import { coverageKeys, isCovered, readCoverage } from './log-coverage.ts'
import type { Key, Ledger } from './ports.ts'
import type { RowCache } from './row-cache.ts'
import { cellsOf, cellsRow, readCells, shardOf } from './sketch.ts'

/**
 * Which peers the interfaces behind a network ACL use: a deny in it is felt by all of them. A cell holds the hash of the one
 * owner that used its peers, or MANY. Cells only fill, so what was used is never called unused; a crowded sketch calls
 * the unused used, and then the deny is left out.
 */

/** Milliseconds. A generation is as long as the time that is asked about; two of them are read, so never less is known. */
export const NEIGHBOUR_PERIOD = 24 * 3_600_000

const MANY = 0xffff_ffff

/** Where the peers of interfaces are kept that the inventory does not know yet: they may stand behind any ACL. */
export const UNKNOWN_ACL = 'unknown'

export interface PeerUse {
  readonly acl: string
  /** Names the owner: `ownerOf` its interfaces. */
  readonly owner: string
  readonly peer: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** An instance's interfaces count as one owner, told by the first of their ids. */
export function ownerOf(interfaces: readonly string[]): string {
  return interfaces.toSorted()[0] ?? ''
}

function shardKey(acl: string, generation: number, shard: number): Key {
  return { partition: `acl/${acl}`, sort: `peers/${generation}/${String(shard).padStart(2, '0')}` }
}

function tagOf(owner: string): number {
  // 0 is an empty cell. Two owners with one tag would be taken for one: 1 in 4 billion a pair.
  return Math.min(MANY - 1, Math.max(1, hashText(owner, 109)))
}

/** A row that cannot be read may have held any use: all its peers count as used, so that no cut waits and no neighbour is cut. */
function readUses(value: unknown): Uint32Array {
  try {
    return readCells(value, 1)
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
    return readCells(undefined, 1).fill(MANY)
  }
}

/** Writes only the rows in which a cell changes. */
export async function recordUses(rows: RowCache, uses: readonly PeerUse[], period = NEIGHBOUR_PERIOD): Promise<void> {
  const shards = Map.groupBy(uses, ({ acl, peer, at }) =>
    JSON.stringify(shardKey(acl, Math.floor(at / period), shardOf(peer))),
  )
  await Promise.all(
    [...shards.values()].map(async group => {
      const [any] = group
      if (!any) return
      const generation = Math.floor(any.at / period)
      await rows.change(shardKey(any.acl, generation, shardOf(any.peer)), value => {
        const cells = readUses(value)
        let changed = false
        for (const { owner, peer } of group)
          for (const cell of cellsOf(peer)) {
            const before = cells[cell] ?? 0
            const after = before === 0 || before === tagOf(owner) ? tagOf(owner) : MANY
            cells[cell] = after
            changed ||= before !== after
          }
        // Kept for as long as it is asked for and a period more, should a delivery be late.
        const expires = (generation + 3) * period
        return changed ? { value: cellsRow(cells), expires, result: undefined } : { result: undefined }
      })
    }),
  )
}

export interface NeighbourQuestion {
  readonly acl: string
  readonly peer: string
  /** The instance's own. */
  readonly interfaces: readonly string[]
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly period?: number
}

/**
 * Whether an interface behind the ACL other than the instance's own used the peer in the last 24 h. `unknown` where the flow
 * logs did not cover each of them all the time. All reads are made at once: one ledger round trip.
 */
export async function usedByOthers(
  ledger: Ledger,
  { acl, peer, interfaces, now, period = NEIGHBOUR_PERIOD }: NeighbourQuestion,
): Promise<NeighbourUse> {
  const [used, coverage, behind] = await Promise.all([
    isUsedByOthers(ledger, { acls: [acl, UNKNOWN_ACL], peer, owner: ownerOf(interfaces), now, period }),
    Promise.all(coverageKeys(acl).map(key => ledger.read(key))),
    ledger.read(inventoryKeys.acl(acl)),
  ])
  if (used) return 'used'
  if (!behind) return 'unknown'
  const covered = coverage.map(row => readCoverage(row?.value))
  const others = AclRow.safeParse(behind.value).data?.interfaces.filter(id => !interfaces.includes(id))
  return others?.every(id => isCovered(covered, id, now, period)) ? 'unused' : 'unknown'
}

export interface UseQuestion {
  readonly acls: readonly string[]
  readonly peer: string
  /** Whose own use does not count. */
  readonly owner: string
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly period: number
}

/** Whether the sketches of any of the ACLs hold a use by somebody else. One ledger round trip. */
export async function isUsedByOthers(
  ledger: Ledger,
  { acls, peer, owner, now, period }: UseQuestion,
): Promise<boolean> {
  const newest = Math.floor(now / period)
  const keys = acls.flatMap(one => [newest, newest - 1].map(generation => shardKey(one, generation, shardOf(peer))))
  const sketches = await Promise.all(keys.map(key => ledger.read(key)))
  const own = tagOf(owner)
  return sketches.some(row => {
    const cells = readUses(row?.value)
    return cellsOf(peer).every(cell => cells[cell] !== 0 && cells[cell] !== own)
  })
}
