import type { Incident } from './incident.ts'
import { hashOf, type JournalEntry } from './journal.ts'

/** A row of a journal that is no entry any more. */
export interface UnreadableEntry {
  readonly sequence: number
  readonly reason: string
}

export interface ChainFault {
  /** The entry that it is about, counted from 1. */
  readonly sequence: number
  readonly text: string
}

/** All that stands against a journal, entry by entry: what was changed, what is missing and what was put in its place. */
export function faultsOf(
  head: Incident['journal'],
  entries: readonly JournalEntry[],
  unreadable: readonly UnreadableEntry[] = [],
): ChainFault[] {
  const faults: ChainFault[] = unreadable.map(({ sequence, reason }) => ({
    sequence,
    text: `entry ${sequence} is no entry any more: ${reason}`,
  }))
  const unread = new Set(unreadable.map(({ sequence }) => sequence))
  let [expected, previous]: [number, string | undefined] = [1, '']
  for (const entry of entries) {
    for (; expected < entry.sequence; expected++) {
      if (!unread.has(expected)) faults.push({ sequence: expected, text: `entry ${expected} is missing` })
      previous = undefined
    }
    const { sequence } = entry
    const { hash, ...rest } = entry
    if (sequence < expected) faults.push({ sequence, text: `entry ${sequence} stands there twice` })
    const own = hashOf(rest)
    if (own !== hash)
      faults.push({
        sequence,
        text: `entry ${sequence} was changed: it bears the hash ${hash} and its content has ${own}`,
      })
    else if (previous !== undefined && entry.previous !== previous)
      faults.push({ sequence, text: `entry ${sequence} does not follow from entry ${sequence - 1}` })
    expected = sequence + 1
    previous = hash
  }
  const last = Math.max(expected - 1, ...unread)
  if (head.sequence > last)
    faults.push({
      sequence: last + 1,
      text: `the journal ends at entry ${last}, and the incident knows of ${head.sequence}`,
    })
  const known = entries.find(({ sequence }) => sequence === head.sequence)
  if (known && known.hash !== head.hash)
    faults.push({ sequence: head.sequence, text: `entry ${head.sequence} is not the one that the incident knows of` })
  return faults.toSorted((a, b) => a.sequence - b.sequence)
}
