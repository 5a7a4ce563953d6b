import { InputError } from './errors.ts'
import { hashText, linearCount } from './hash.ts'
import type { Key, Ledger } from './ports.ts'
import type { RowCache } from './row-cache.ts'
import { cellsOf, cellsRow, readCells, shardOf } from './sketch.ts'

/**
 * How many instances of the scope use a peer: a bit map of 64 for each cell, in which an instance sets its bit. Good to a few
 * instances in small scopes; past some 250 it only says "many", which is all that is asked then.
 */

const BITS = 64
const WORDS = BITS / 32
const PERIOD = 24 * 3_600_000
/** A copy of a shard may be this old before it is read again: prevalence changes slowly. */
const FRESH_FOR = 5 * 60_000
const MAX_CACHED = 64

export interface InstanceUse {
  readonly instance: string
  readonly peer: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

function shardKey(generation: number, shard: number): Key {
  return { partition: 'scope', sort: `prevalence/${generation}/${String(shard).padStart(2, '0')}` }
}

/** A row that cannot be read is begun anew: for a while its peers seem rarer, which alone decides nothing. */
function readBits(value: unknown): Uint32Array {
  try {
    return readCells(value, WORDS)
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
    return readCells(undefined, WORDS)
  }
}

/** Writes only the rows in which a bit changes. */
export async function recordInstanceUses(rows: RowCache, uses: readonly InstanceUse[]): Promise<void> {
  const shards = Map.groupBy(uses, ({ peer, at }) => JSON.stringify(shardKey(Math.floor(at / PERIOD), shardOf(peer))))
  await Promise.all(
    [...shards.values()].map(async group => {
      const [any] = group
      if (!any) return
      const generation = Math.floor(any.at / PERIOD)
      await rows.change(shardKey(generation, shardOf(any.peer)), value => {
        const cells = readBits(value)
        let changed = false
        for (const { instance, peer } of group) {
          const bit = hashText(instance, 127) % BITS
          for (const cell of cellsOf(peer)) {
            const word = cell * WORDS + (bit >> 5)
            const before = cells[word] ?? 0
            const after = (before | (1 << (bit & 31))) >>> 0
            cells[word] = after
            changed ||= before !== after
          }
        }
        return changed
          ? { value: cellsRow(cells), expires: (generation + 3) * PERIOD, result: undefined }
          : { result: undefined }
      })
    }),
  )
}

/** Reads the shards of peers, each at most every few minutes, and answers from them. */
export interface Prevalence {
  load(peers: readonly string[], now: number): Promise<void>
  /** Distinct instances that used the peer in this generation and the one before; `Infinity` for many, `undefined` where not loaded lately. */
  instances(peer: string, now: number): number | undefined
}

export function prevalence(ledger: Ledger): Prevalence {
  const cache = new Map<string, { readonly cells: Uint32Array; readonly at: number }>()
  /** Deliveries that come together ask for the same. */
  const reading = new Map<string, Promise<void>>()

  function keys(peer: string, now: number): Key[] {
    const newest = Math.floor(now / PERIOD)
    return [newest, newest - 1].map(generation => shardKey(generation, shardOf(peer)))
  }

  async function read(key: Key, now: number): Promise<void> {
    const row = await ledger.read(key)
    cache.delete(key.sort)
    cache.set(key.sort, { cells: readBits(row?.value), at: now })
    for (const oldest of cache.keys()) {
      if (cache.size <= MAX_CACHED) break
      cache.delete(oldest)
    }
  }

  function refreshed(key: Key, now: number): Promise<void> {
    const under = reading.get(key.sort)
    if (under) return under
    const one = read(key, now).finally(() => reading.delete(key.sort))
    reading.set(key.sort, one)
    return one
  }

  return {
    async load(peers, now) {
      const wanted = new Map(peers.flatMap(peer => keys(peer, now)).map(key => [key.sort, key]))
      await Promise.all(
        [...wanted.values()].map(async key => {
          const known = cache.get(key.sort)
          if (!known || known.at <= now - FRESH_FOR) await refreshed(key, now)
        }),
      )
    },
    instances(peer, now) {
      const maps = keys(peer, now).map(({ sort }) => {
        const known = cache.get(sort)
        return known && known.at > now - FRESH_FOR ? known.cells : undefined
      })
      if (maps.some(cells => cells === undefined)) return undefined
      const counts = cellsOf(peer).map(cell => {
        let set = 0
        for (let word = cell * WORDS; word < (cell + 1) * WORDS; word++)
          for (let bits = maps.reduce((all, cells) => all | (cells?.[word] ?? 0), 0); bits !== 0; bits &= bits - 1)
            set++
        return set === BITS ? Number.POSITIVE_INFINITY : linearCount(set, BITS)
      })
      return Math.min(...counts)
    },
  }
}
