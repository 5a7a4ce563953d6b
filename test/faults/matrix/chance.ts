/** From 0 up to 1: looks like chance, and is the same for the same seed and text. */
export function chance(seed: number, text: string): number {
  let hash = seed
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x85_eb_ca_6b)
    hash ^= hash >>> 13
  }
  return (hash >>> 0) / 2 ** 32
}
