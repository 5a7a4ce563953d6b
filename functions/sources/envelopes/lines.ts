import type { LineReader } from '../../core/source.ts'

const NEWLINE = 10
const HEAD = 1024

export interface Lines {
  /** Whole lines, each with its newline, from `from` to `to`. The bytes are only lent. */
  lines(bytes: Uint8Array, from: number, to: number): void
  /** A line longer than allowed: its first kilobyte and how long it was. */
  overlong(head: Uint8Array, length: number): void
}

/**
 * Cuts chunks into whole lines without copying, save the line that two chunks share. Of a line longer than `longest` only the
 * first kilobyte is kept, so that a file without line ends costs no memory.
 */
export function createLineSplitter(longest: number, receiver: Lines): LineReader {
  let held = new Uint8Array(4096)
  let size = 0
  /** The length of the line that is too long to hold, or 0. */
  let dropped = 0

  function hold(bytes: Uint8Array): void {
    if (dropped > 0) {
      dropped += bytes.length
      return
    }
    if (size + bytes.length > longest) {
      const kept = bytes.subarray(0, Math.max(0, HEAD - size))
      held.set(kept, Math.min(size, HEAD))
      dropped = size + bytes.length
      return
    }
    if (size + bytes.length + 1 > held.length) {
      const larger = new Uint8Array(Math.min(longest + 1, Math.max(held.length * 2, size + bytes.length + 1)))
      larger.set(held.subarray(0, size))
      held = larger
    }
    held.set(bytes, size)
    size += bytes.length
  }

  function release(): void {
    if (dropped > 0) receiver.overlong(held.slice(0, Math.min(HEAD, dropped)), dropped)
    else if (size > 0) {
      held[size] = NEWLINE
      receiver.lines(held, 0, size + 1)
    }
    size = 0
    dropped = 0
  }

  return {
    push(bytes) {
      if (bytes.length === 0) return
      // One kind of array for the scanners: with Buffers beside it every byte that is read would be looked at twice.
      const chunk = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let from = 0
      if (size > 0 || dropped > 0) {
        const end = chunk.indexOf(NEWLINE, from)
        if (end < 0) {
          hold(chunk.subarray(from))
          return
        }
        hold(chunk.subarray(from, end))
        release()
        from = end + 1
      }
      const last = chunk.lastIndexOf(NEWLINE)
      if (last >= from) receiver.lines(chunk, from, last + 1)
      hold(chunk.subarray(Math.max(from, last + 1)))
    },
    end: release,
  }
}
