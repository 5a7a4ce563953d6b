/** What is kept of an input that cannot be decoded. */
const KEPT = 1024

/** A copy of the first kilobyte between `from` and `to`. A Buffer's own `slice` would keep all the memory behind it. */
export function headOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.subarray(from, Math.min(to, from + KEPT)))
}

/** The first kilobyte of a text, as UTF-8. */
export function headOfText(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(0, KEPT))
  return headOf(bytes, 0, bytes.length)
}
