import type { Clock, Expectation, Key, Ledger, Row } from './ports.ts'

interface Stored {
  readonly row: Row
  readonly expires: number | undefined
}

/** A ledger in memory, with the semantics of the others: what goes in and what comes out are copies. */
export function memoryLedger(clock: Clock): Ledger {
  const partitions = new Map<string, Map<string, Stored>>()
  let version = 0

  function find({ partition, sort }: Key): Row | undefined {
    const stored = partitions.get(partition)?.get(sort)
    return stored && isFresh(stored) ? stored.row : undefined
  }

  function isFresh({ expires }: Stored): boolean {
    return expires === undefined || expires > clock.now()
  }

  function holds(key: Key, expect: Expectation): boolean {
    return expect === 'any' || (expect === 'absent' ? find(key) === undefined : find(key)?.version === expect)
  }

  return {
    async read(key) {
      const row = find(key)
      return row && structuredClone(row)
    },
    async list(partition, prefix = '') {
      return [...(partitions.get(partition) ?? [])]
        .filter(([sort, stored]) => sort.startsWith(prefix) && isFresh(stored))
        .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map(([, { row }]) => structuredClone(row))
    },
    async write(key, value, expect, expires) {
      if (!holds(key, expect)) return undefined
      const row = structuredClone({ key, value, version: ++version })
      const rows = partitions.get(key.partition) ?? new Map<string, Stored>()
      partitions.set(key.partition, rows)
      rows.set(key.sort, { row, expires })
      return structuredClone(row)
    },
    async remove(key, expect) {
      if (!holds(key, expect)) return false
      partitions.get(key.partition)?.delete(key.sort)
      return true
    },
  }
}
