import type { InstanceState } from './instance-state.ts'

/** Unpacked states beside the packed bytes that they stand for, so that the next delivery need not unpack them again. */
export interface StateMemory {
  /** Hands the state over: it is about to change, and then no more what the bytes say. */
  take(packed: Uint8Array): InstanceState | undefined
  /** `size`: bytes before compression. */
  keep(packed: Uint8Array, state: InstanceState, size: number): void
}

/** `most`: bytes before compression of all that is kept; in memory they are some eight times as many. */
export function stateMemory(most: number): StateMemory {
  const kept = new Map<Uint8Array, { readonly state: InstanceState; readonly size: number }>()
  let total = 0

  function drop(packed: Uint8Array): InstanceState | undefined {
    const one = kept.get(packed)
    kept.delete(packed)
    total -= one?.size ?? 0
    return one?.state
  }

  return {
    take: drop,
    keep(packed, state, size) {
      drop(packed)
      kept.set(packed, { state, size })
      total += size
      for (const oldest of kept.keys()) {
        if (total <= most) break
        drop(oldest)
      }
    },
  }
}
