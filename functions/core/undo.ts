import type { Incident } from './incident.ts'
import type { Step } from './ports.ts'

/** The cloud's own command lines that put back what one step changed. */
export interface Undo {
  readonly step: string
  readonly commands: readonly string[]
}

/** What a person types who has no Firebreak any more, in the order of a release. Nothing once the incident is closed. */
export function undoOf(steps: readonly Step[], incident: Incident): Undo[] {
  if (incident.closedAt !== undefined || incident.restorePoint === undefined) return []
  return steps.toReversed().flatMap(step => {
    const record = incident.steps[step.id]
    if (!record || record.status === 'reverted') return []
    const commands = step.undo?.(incident) ?? []
    return commands.length > 0 ? [{ step: step.id, commands }] : []
  })
}
