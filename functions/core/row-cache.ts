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
   * and to what stands there after a lost race. The edit may run several times and must change nothing else. Edits of one
   * row take turns here; those that come while a write is under way share the next one.
   */
  change<T>(key: Key, edit: (value: unknown) => Edited<T>): Promise<T>
}

interface Turn {
  /** Applies the edit to what the turns before it made of the row. */
  apply(value: unknown): Edited<unknown> | undefined
  /** Ends the turn, with what its last application came to. */
  end(): void
  refuse(thrown: unknown): void
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
  /** By row, those that wait while its write is under way. */
  const lanes = new Map<string, Turn[]>()

  function remember(name: string, row: Row | undefined): void {
    cache.delete(name)
    cache.set(name, row ?? 'absent')
    for (const oldest of cache.keys()) {
      if (cache.size <= entries) break
      cache.delete(oldest)
    }
  }

  async function commit(key: Key, name: string, turns: readonly Turn[]): Promise<void> {
    for (let race = 0; race < MAX_RACES; race++) {
      const known = cache.get(name)
      let row: Row | undefined
      if (known === undefined) {
        row = await ledger.read(key)
        remember(name, row)
      } else if (known !== 'absent') row = known
      let next: { readonly value: unknown; readonly expires: number | undefined } | undefined
      for (const turn of turns) {
        const edited = turn.apply(next ? next.value : row?.value)
        if (edited?.value !== undefined) next = { value: edited.value, expires: edited.expires }
      }
      if (!next) return
      const written = await ledger.write(key, next.value, row?.version ?? 'absent', next.expires)
      if (written) return remember(name, written)
      cache.delete(name)
      // The first lost race is most often only an old copy.
      if (race > 0) await pause?.(Math.random() * Math.min(1000, 10 * 2 ** race))
    }
    throw new RetryableError(`Cannot change ledger row ${name}: ${MAX_RACES} other writers came first`)
  }

  async function serve(key: Key, name: string, waiting: Turn[]): Promise<void> {
    while (waiting.length > 0) {
      const turns = waiting.splice(0)
      try {
        await commit(key, name, turns)
        for (const turn of turns) turn.end()
      } catch (thrown) {
        for (const turn of turns) turn.refuse(thrown)
      }
    }
    lanes.delete(name)
  }

  return {
    change<T>(key: Key, edit: (value: unknown) => Edited<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        const name = JSON.stringify([key.partition, key.sort])
        let end = () => reject(new Error(`Cannot change ledger row ${name}: the edit was never applied`))
        const turn: Turn = {
          apply(value) {
            try {
              const edited = edit(value)
              end = () => resolve(edited.result)
              return edited
            } catch (thrown) {
              // Its own fault alone: the others' turns go on as if it had not come.
              end = () => reject(thrown)
              return undefined
            }
          },
          end: () => end(),
          refuse: reject,
        }
        const lane = lanes.get(name)
        if (lane) {
          lane.push(turn)
          return
        }
        const waiting = [turn]
        lanes.set(name, waiting)
        void serve(key, name, waiting)
      })
    },
  }
}
