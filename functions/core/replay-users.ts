import { hashText, linearCount } from './hash.ts'
import { cellsOf, cellsOfWord, shardOf, shardOfWord } from './sketch.ts'

/**
 * How many instances use a peer, by the sketch that the functions keep in the ledger (prevalence.ts), here in memory: the
 * same cells, so the same answers.
 */
export interface PeerUsers {
  /** The bit that stands for an instance. */
  bitOf(instance: string): number
  /** Notes that the instance with the bit has sent to a peer, IPv4 as 32 bits. `at`: seconds since the epoch. */
  note(bit: number, peer: number | string, at: number): void
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

  function turnTo(generation: number): void {
    if (generation <= newest) return
    cells = [newCells(), generation === newest + 1 ? (cells[0] ?? newCells()) : newCells()]
    newest = generation
  }

  return {
    bitOf: instance => hashText(instance, 127) % BITS,
    note(bit, peer, at) {
      const generation = Math.floor(at / PERIOD)
      turnTo(generation)
      const map = cells[newest - generation]
      if (!map) return
      const isWord = typeof peer === 'number'
      const shard = isWord ? shardOfWord(peer) : shardOf(peer)
      for (const cell of isWord ? cellsOfWord(peer) : cellsOf(peer)) {
        const word = (shard * CELLS + cell) * WORDS + (bit >> 5)
        map[word] = (map[word] ?? 0) | (1 << (bit & 31))
      }
    },
    count(peer, now) {
      turnTo(Math.floor(now / PERIOD))
      const shard = shardOf(peer)
      const counts = cellsOf(peer).map(cell => {
        let set = 0
        const from = (shard * CELLS + cell) * WORDS
        for (let word = from; word < from + WORDS; word++)
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
