import { createHash } from 'node:crypto'
import type { Rejected } from '../../core/flow.ts'

/** What is kept of an input that cannot be decoded. */
const KEPT = 1024

export type Head = Pick<Rejected, 'bytes' | 'whole'>

/**
 * A copy of the first kilobyte between `from` and `to`, with the length and digest of all of it where that is more. A
 * Buffer's own `slice` would keep all the memory behind it.
 */
export function headOf(bytes: Uint8Array, from: number, to: number): Head {
  const all = bytes.subarray(from, to)
  const head = new Uint8Array(all.subarray(0, KEPT))
  if (all.byteLength <= KEPT) return { bytes: head }
  return { bytes: head, whole: { length: all.byteLength, sha256: createHash('sha256').update(all).digest('hex') } }
}

/** The same of a text, as UTF-8. */
export function headOfText(text: string): Head {
  const bytes = Buffer.from(text)
  return headOf(bytes, 0, bytes.length)
}
