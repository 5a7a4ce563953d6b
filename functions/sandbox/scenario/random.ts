/** Repeatable chance: the same seed gives the same scenario, byte for byte. Not for secrets. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** In [low, high). */
  between(low: number, high: number): number
  /** In [low, high], both whole. */
  whole(low: number, high: number): number
  /** Waits of a Poisson process. */
  exponential(mean: number): number
  hex(digits: number): string
  pick<T>(list: readonly [T, ...T[]]): T
}

/** A Weyl sequence through a 32-bit multiply-xorshift mix: well spread, and fast enough to draw per packet burst. */
export function createRandom(seed: string): Random {
  let state = hash(seed)
  const next = () => {
    state = (state + 0x9e3779b9) | 0
    return mix(state) / 0x1_0000_0000
  }
  const whole = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return {
    next,
    whole,
    between: (low, high) => low + next() * (high - low),
    exponential: mean => -Math.log(1 - next()) * mean,
    hex: digits => Array.from({ length: digits }, () => whole(0, 15).toString(16)).join(''),
    pick: list => list[Math.floor(next() * list.length)] ?? list[0],
  }
}

function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** FNV-1a over UTF-16 units, mixed once so that like seeds do not start alike. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  return mix(value | 0)
}
