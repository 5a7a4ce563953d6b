import * as z from 'zod'
import { RetryableError } from './errors.ts'
import { appendJournal, brokenAt, emptyJournal, JournalEntry, readJournal } from './journal.ts'
import type { Key, Ledger } from './ports.ts'

/** The switch by which a person stops new cuts everywhere. One row, read with whatever else a cut must know. */
export const Halt = z.object({
  halted: z.boolean(),
  by: z.string().max(256),
  reason: z.string().max(512),
  /** Milliseconds since the epoch. */
  at: z.number(),
})
export type Halt = z.infer<typeof Halt>

export const haltKey: Key = { partition: 'operator', sort: 'halt' }

/** The journal in which halts stand, chained like an incident's. */
export const HALT_JOURNAL = 'operator'

export async function readHalt(ledger: Ledger): Promise<Halt | undefined> {
  const row = await ledger.read(haltKey)
  return row && Halt.parse(row.value)
}

/** Why nothing new is cut now, or `undefined`. */
export function haltedBecause(halt: Halt | undefined): string | undefined {
  return halt?.halted ? `Firebreak is halted by ${halt.by}: ${halt.reason}` : undefined
}

/** Halts or resumes. It holds from the first write on; the journal follows, and a retry completes it. */
export async function setHalt(ledger: Ledger, halt: Halt): Promise<void> {
  // Whoever comes last has the last word: a halt is not held up by a condition.
  if (!(await ledger.write(haltKey, halt, 'any'))) throw new RetryableError('Cannot set the halt: nothing was written')
  const text = `${halt.halted ? 'Halted' : 'Resumed'} by ${halt.by}: ${halt.reason}`
  const newest = (await readJournal(ledger, HALT_JOURNAL)).at(-1) ?? emptyJournal
  await appendJournal(ledger, HALT_JOURNAL, newest, halt.by, halt.at, [{ at: halt.at, kind: 'note', text }])
}

export const HaltStatus = Halt.extend({
  journal: z.array(JournalEntry),
  /** The first journal entry that does not follow from the one before it; absent for an intact chain. */
  brokenAt: z.number().optional(),
})
export type HaltStatus = z.infer<typeof HaltStatus>

/** `undefined`: nobody ever halted. */
export async function haltStatus(ledger: Ledger): Promise<HaltStatus | undefined> {
  const [halt, journal] = await Promise.all([readHalt(ledger), readJournal(ledger, HALT_JOURNAL)])
  const broken = brokenAt(journal)
  return halt && { ...halt, journal, ...(broken === undefined ? {} : { brokenAt: broken }) }
}
