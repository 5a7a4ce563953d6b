/** Whether the bytes are just this ASCII word. */
export function isWord(bytes: Uint8Array, from: number, to: number, word: string): boolean {
  if (to - from !== word.length) return false
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word.charCodeAt(i)) return false
  return true
}

/** One or two digits. Versions to come add fields; they change none. */
export function isVersion(bytes: Uint8Array, from: number, to: number): boolean {
  if (to === from || to - from > 2) return false
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] ?? 0) - 48
    if (digit < 0 || digit > 9) return false
  }
  return true
}
