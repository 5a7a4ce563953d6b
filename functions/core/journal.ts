import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import { RetryableError } from './errors.ts'
import type { Key, Ledger } from './ports.ts'

/** Characters of a line's text. */
export const MAX_LINE = 4096

export const JournalLine = z.object({
  at: z.number(),
  kind: z.enum([
    'opened',
    'joined',
    'intent',
    'result',
    'failed',
    'verified',
    'reopened',
    'escalated',
    'alarm',
    'approved',
    'released',
    'refused',
    'closed',
    'note',
  ]),
  step: z.string().max(64).optional(),
  text: z.string().max(MAX_LINE),
})
export type JournalLine = z.infer<typeof JournalLine>

/** One link of the chain: `hash` covers every other field and, through `previous`, everything before it. */
export const JournalEntry = z.object({
  sequence: z.number().int().positive(),
  at: z.number(),
  by: z.string().max(256),
  lines: z.array(JournalLine),
  previous: z.string().max(64),
  hash: z.string().length(64),
})
export type JournalEntry = z.infer<typeof JournalEntry>

export interface JournalHead {
  readonly sequence: number
  readonly hash: string
}

/** The head of a journal that has no entry yet. */
export const emptyJournal: JournalHead = { sequence: 0, hash: '' }

export function journalPartition(incident: string): string {
  return `incident/${incident}`
}

function keyOf(incident: string, sequence: number): Key {
  return { partition: journalPartition(incident), sort: `journal/${String(sequence).padStart(6, '0')}` }
}

/** Of all that the entry says, and through `previous` of everything before it. */
export function hashOf(entry: Omit<JournalEntry, 'hash'>): string {
  const lines = entry.lines.map(line => [line.at, line.kind, line.step ?? null, line.text])
  const text = JSON.stringify([entry.sequence, entry.at, entry.by, lines, entry.previous])
  return createHash('sha256').update(text).digest('hex')
}

/** The entry that follows `head`. */
export function linkEntry(head: JournalHead, by: string, at: number, lines: readonly JournalLine[]): JournalEntry {
  const entry = { sequence: head.sequence + 1, at, by, lines: [...lines], previous: head.hash }
  return { ...entry, hash: hashOf(entry) }
}

const MAX_RACES = 32

/**
 * Appends lines behind the newest entry. Two writers never share a sequence number: the one that comes second links to
 * the other's entry. Returns the new head.
 */
export async function appendJournal(
  ledger: Ledger,
  incident: string,
  head: JournalHead,
  by: string,
  at: number,
  lines: readonly JournalLine[],
): Promise<JournalHead> {
  let newest = head
  let left = lines
  for (let race = 0; race < MAX_RACES; race++) {
    const entry = linkEntry(newest, by, at, left)
    const key = keyOf(incident, entry.sequence)
    if (await ledger.write(key, entry, 'absent')) return entry
    const taken = await ledger.read(key)
    if (!taken) continue
    const other = JournalEntry.parse(taken.value)
    newest = other
    // The same lines are our own entry, written by a try that ended before it could say so. More may have come since.
    if (isDeepStrictEqual(left.slice(0, other.lines.length), other.lines)) left = left.slice(other.lines.length)
    if (left.length === 0) return newest
  }
  throw new RetryableError(`Cannot append to the journal of ${incident}: ${MAX_RACES} other writers came first`)
}

export async function readJournal(ledger: Ledger, incident: string): Promise<JournalEntry[]> {
  const rows = await ledger.list(journalPartition(incident), 'journal/')
  return rows.map(row => JournalEntry.parse(row.value))
}

/** The sequence number of the first entry that does not follow from the one before it, or `undefined` for an intact chain. */
export function brokenAt(entries: readonly JournalEntry[]): number | undefined {
  let head = emptyJournal
  for (const entry of entries) {
    const { hash, ...rest } = entry
    if (entry.sequence !== head.sequence + 1 || entry.previous !== head.hash || hash !== hashOf(rest))
      return head.sequence + 1
    head = entry
  }
  return undefined
}
