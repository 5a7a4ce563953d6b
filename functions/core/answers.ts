import * as z from 'zod'
import { Halt, HaltStatus } from './halt.ts'
import { CutState, Incident } from './incident.ts'
import { JournalEntry } from './journal.ts'
import { Suppressed } from './suppressed.ts'
import { Undo } from './undo.ts'

/** An incident in a list. */
export const Brief = z.object({
  id: z.string(),
  instance: z.string(),
  openedAt: z.number(),
  closedAt: z.number().optional(),
  drill: z.boolean(),
  verdict: Incident.shape.verdict,
  state: CutState,
  /** Of the signals, each once. */
  rules: z.array(z.string()),
  /** Steps that failed and were not carried out since. */
  failed: z.array(z.string()),
  /** A release was asked for and refused, and none was carried out since. */
  refused: z.boolean(),
})
export type Brief = z.infer<typeof Brief>

export const Listed = z.object({
  account: z.string(),
  incidents: z.array(Brief),
  /** Older closed incidents that had no room. */
  left: z.number(),
  unreadable: z.array(z.object({ instance: z.string(), reason: z.string() })),
  /** Absent where nobody ever halted. */
  halt: HaltStatus.optional(),
  /** Findings of the last 90 days of which nobody was told, the newest first and as many as there is room for. */
  suppressed: z.array(Suppressed),
  suppressedInAll: z.number(),
})
export type Listed = z.infer<typeof Listed>

export const Shown = z.object({
  incident: Incident,
  /** Those after the entry that was asked for, as many as an answer holds. */
  journal: z.array(JournalEntry),
  unreadable: z.array(z.object({ sequence: z.number(), reason: z.string() })),
  /** There are more entries: ask for those after the last one. */
  more: z.boolean(),
  undo: z.array(Undo),
  /** Milliseconds since the epoch, by the deployment's clock. */
  now: z.number(),
})
export type Shown = z.infer<typeof Shown>

export const Queued = z.object({
  queued: z.enum(['drill', 'approve', 'release']),
  instance: z.string(),
  /** Of the incident; of a drill, which has none yet, of its finding. */
  id: z.string(),
  /** Who asks, as it will stand in the journal. */
  by: z.string(),
  /** The newest journal entry when it was asked for. */
  after: z.number(),
})
export type Queued = z.infer<typeof Queued>

export const Halted = z.object({ halt: Halt })
export type Halted = z.infer<typeof Halted>
