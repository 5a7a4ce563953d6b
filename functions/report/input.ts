import { driftedSteps } from '../core/drift.ts'
import type { Incident } from '../core/incident.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { Undo } from '../core/undo.ts'

export interface ReportInput {
  readonly incident: Incident
  readonly journal: readonly JournalEntry[]
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Command lines of the cloud's own that undo the cut without Firebreak, step by step. Default: none are known. */
  readonly undo?: readonly Undo[] | undefined
  /** What a person types to decide. Default: the `firebreak incidents` lines for this incident. */
  readonly commands?: Commands
}

export interface Commands {
  readonly approve: string
  readonly release: string
}

/** An identifier that can stand in a shell line as it is. */
const PLAIN = /^\w[\w-]{0,127}$/

export function commandsOf({ incident, commands }: ReportInput): Commands {
  if (commands) return commands
  const id = PLAIN.test(incident.id) ? incident.id : 'INCIDENT'
  const line = (verb: string) => `npx firebreak incidents ${verb} ${id}`
  // Over what a release was refused for; the person has read it just above.
  const drifted = driftedSteps(incident.releaseRefused?.drifts ?? []).filter(step => PLAIN.test(step))
  const force = drifted.map(step => ` --force ${step}`).join('')
  return { approve: line('approve'), release: `${line('release')}${force}` }
}
