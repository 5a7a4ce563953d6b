import type { Clock } from '../core/ports.ts'

/** Virtual time, in milliseconds since the epoch. It moves only when it is told to, and never back. */
export interface VirtualClock extends Clock {
  advance(milliseconds: number): void
  set(time: number): void
}

export function createClock(start: number): VirtualClock {
  let now = start
  function set(time: number): void {
    if (!(time >= now)) throw new RangeError(`Cannot set the clock: ${time} is before ${now}`)
    now = time
  }
  return { now: () => now, advance: milliseconds => set(now + milliseconds), set }
}
