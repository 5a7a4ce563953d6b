/** xorshift32: fast, and the same everywhere. */
export function generator(seed: number) {
  let state = seed | 1
  function random(): number {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
  const below = (most: number) => Math.floor(random() * most)
  return { random, below }
}
