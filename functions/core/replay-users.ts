import { isExternal } from './address.ts'
import { hashText, linearCount } from './hash.ts'
import type { InstanceState } from './instance-state.ts'
import { cellsOf, shardOf } from './sketch.ts'

/**
 * How many instances use a peer, by the sketch that the functions keep in the ledger (prevalence.ts), here in memory: the
 * same cells, so the same answers.
 */
export interface PeerUsers {
  /** Notes the outer peers that an instance has sent to since it was noted last. */
  note(instance: string, state: InstanceState): void
  /** Distinct instances in this generation and the one before; `Infinity` for many. */
  count(peer: string, now: number): number
}

const BITS = 64
const WORDS = 2
const SHARDS = 16
const CELLS = 2048
const PERIOD = 86_400

export function peerUsers(): PeerUsers {
  let newest = 0
  let cells = [newCells(), newCells()]
  const noted = new Map<string, number>()

  function turnTo(generation: number): void {
    if (generation <= newest) return
    cells = [newCells(), generation === newest + 1 ? (cells[0] ?? newCells()) : newCells()]
    newest = generation
  }

  const offset = (peer: string, cell: number) => (shardOf(peer) * CELLS + cell) * WORDS

  return {
    note(instance, state) {
      const since = noted.get(instance) ?? 0
      const bit = hashText(instance, 127) % BITS
      let last = since
      for (const { peer, service, ways, passed } of state.conversations.values()) {
        last = Math.max(last, passed)
        if (passed < since || service !== 'theirs' || !(ways & 1) || !isExternal(peer)) continue
        turnTo(Math.floor(passed / PERIOD))
        const map = cells[newest - Math.floor(passed / PERIOD)]
        if (!map) continue
        for (const cell of cellsOf(peer)) {
          const word = offset(peer, cell) + (bit >> 5)
          map[word] = (map[word] ?? 0) | (1 << (bit & 31))
        }
      }
      noted.set(instance, last)
    },
    count(peer, now) {
      turnTo(Math.floor(now / PERIOD))
      const counts = cellsOf(peer).map(cell => {
        let set = 0
        for (let word = offset(peer, cell), end = word + WORDS; word < end; word++)
          for (let bits = (cells[0]?.[word] ?? 0) | (cells[1]?.[word] ?? 0); bits !== 0; bits &= bits - 1) set++
        return set === BITS ? Number.POSITIVE_INFINITY : linearCount(set, BITS)
      })
      return Math.min(...counts)
    },
  }
}

function newCells(): Uint32Array {
  return new Uint32Array(SHARDS * CELLS * WORDS)
}
