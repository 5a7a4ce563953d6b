import { wordOfAddress } from './address.ts'

/** Folds an integer into a 32-bit hash (the mixing step and the finalizer of MurmurHash3, public domain, A. Appleby). */
export function mix(hash: number, value: number): number {
  let k = Math.imul(value | 0, 0xcc9e2d51)
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  const h = hash ^ k
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

export function finish(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h ^ (h >>> 13), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** 32 bits of a text, for sketches: two texts may share them. */
export function hashText(text: string, seed = 0): number {
  let hash = seed
  for (let at = 0; at < text.length; at++) hash = mix(hash, text.charCodeAt(at))
  return finish(hash ^ text.length)
}

/** 32 bits of an address: of IPv4 those of its number, which a row of a log has without a text. */
export function hashAddress(address: string, seed: number): number {
  const word = wordOfAddress(address)
  return word < 0 ? hashText(address, seed) : hashWord(word, seed)
}

export function hashWord(word: number, seed: number): number {
  return finish(mix(seed, word))
}

/** How many distinct things set the bits of a map of `bits` (linear counting, Whang et al. 1990). */
export function linearCount(set: number, bits: number): number {
  return Math.round(bits * Math.log(bits / Math.max(1, bits - set)))
}

/** A bit map as a word array; an item sets the same bit however often it comes, so maps merge by OR. */
export function setBit(map: Uint8Array, hash: number): void {
  const bit = hash % (map.length * 8)
  map[bit >> 3] = (map[bit >> 3] ?? 0) | (1 << (bit & 7))
}

export function countBits(map: Uint8Array): number {
  let count = 0
  for (let at = 0; at < map.length; at++) count += ONES[map[at] ?? 0] ?? 0
  return count
}

const ONES = Uint8Array.from(
  { length: 256 },
  (_, byte) => [1, 2, 4, 8, 16, 32, 64, 128].filter(bit => byte & bit).length,
)

export function distinct(map: Uint8Array): number {
  return linearCount(countBits(map), map.length * 8)
}
