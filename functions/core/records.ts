/**
 * The records of a conversation's window in a plain array of numbers, since it is scanned for every flow: a set of at most
 * `PER_SLOT` for each minute and direction.
 */

/** A peer with more connections than this in a minute keeps the largest: its sums are then a lower bound. */
const PER_SLOT = 8
/** In a slot number: minute * 8 + source * 4 + direction. The source keeps apart what a firewall saw of the same packets. */
export const OUT = 0
export const IN = 1
export const REFUSED = 2
export const FIREWALL = 4

/** Numbers an entry: slot, mark, packets, bytes. */
export const STRIDE = 4
/** Bits of an entry's mark: 0–7 hash of the client's port, 8–15 of the rest, 16–19 flags, 20 flags known, 21–24 span. */
export const MARK = { port: 0xff, print: 0xffff, flags: 16, known: 1 << 20, span: 21 } as const

/** Keeps the entries ordered by slot, then by size: a union of sets that keeps the largest few of each slot. */
export function insert(records: number[], slot: number, mark: number, packets: number, bytes: number): boolean {
  let at = records.length
  // Logs come in order, mostly: a new minute or direction goes to the end.
  if (at === 0 || (records[at - STRIDE] ?? 0) < slot) {
    records.push(slot, mark, packets, bytes)
    return true
  }
  while (at > 0 && isBefore(records, at - STRIDE, slot, mark, packets, bytes)) at -= STRIDE
  // The entry before `at` is not after the new one: it may be the same.
  if (
    at > 0 &&
    records[at - STRIDE] === slot &&
    records[at - 3] === mark &&
    records[at - 2] === packets &&
    records[at - 1] === bytes
  )
    return false
  let larger = 0
  for (let before = at - STRIDE; before >= 0 && records[before] === slot; before -= STRIDE) larger++
  if (larger >= PER_SLOT) return false
  records.splice(at, 0, slot, mark, packets, bytes)
  const overflow = at + (PER_SLOT - larger) * STRIDE
  if (records[overflow] === slot) records.splice(overflow, STRIDE)
  return true
}

/** Whether the new entry stands before the one at `at`. */
function isBefore(
  records: readonly number[],
  at: number,
  slot: number,
  mark: number,
  packets: number,
  bytes: number,
): boolean {
  const other = records[at] ?? 0
  if (other !== slot) return slot < other
  const otherBytes = records[at + 3] ?? 0
  if (otherBytes !== bytes) return bytes > otherBytes
  const otherPackets = records[at + 2] ?? 0
  if (otherPackets !== packets) return packets > otherPackets
  return mark > (records[at + 1] ?? 0)
}
