import { RetryableError } from './errors.ts'
import type { Key, Ledger, Row } from './ports.ts'

/** What an edit wants written, and what it found out. Without `value` nothing is written. */
export interface Edited<T> {
  readonly value?: unknown
  /** Milliseconds since the epoch. */
  readonly expires?: number
  readonly result: T
}

export interface RowCache {
  /**
   * Applies an edit to the newest row: to the cached one first, since a write of it succeeds only if nobody wrote since,
   * and to what stands there after a lost race. The edit may run several times and must change nothing else.
   */
  change<T>(key: Key, edit: (value: unknown) => Edited<T>): Promise<T>
}

const MAX_RACES = 24

/**
 * Remembers the rows that this function wrote or read last, so that the usual change is one write and no read.
 * `pause` waits some milliseconds between lost races.
 */
export function rowCache(
  ledger: Ledger,
  entries: number,
  pause: ((milliseconds: number) => Promise<void>) | undefined,
): RowCache {
  const cache = new Map<string, Row | 'absent'>()

  function remember(name: string, row: Row | undefined): void {
    cache.delete(name)
    cache.set(name, row ?? 'absent')
    for (const oldest of cache.keys()) {
      if (cache.size <= entries) break
      cache.delete(oldest)
    }
  }

  return {
    async change<T>(key: Key, edit: (value: unknown) => Edited<T>): Promise<T> {
      const name = JSON.stringify([key.partition, key.sort])
      for (let race = 0; race < MAX_RACES; race++) {
        const known = cache.get(name)
        let row: Row | undefined
        if (known === undefined) {
          row = await ledger.read(key)
          remember(name, row)
        } else if (known !== 'absent') row = known
        const { value, expires, result } = edit(row?.value)
        if (value === undefined) return result
        const written = await ledger.write(key, value, row?.version ?? 'absent', expires)
        if (written) {
          remember(name, written)
          return result
        }
        cache.delete(name)
        // The first lost race is most often only an old copy.
        if (race > 0) await pause?.(Math.random() * Math.min(1000, 10 * 2 ** race))
      }
      throw new RetryableError(`Cannot change ledger row ${name}: ${MAX_RACES} other writers came first`)
    },
  }
}
