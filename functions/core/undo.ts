import * as z from 'zod'
import type { Incident } from './incident.ts'
import type { Step } from './ports.ts'

/** The cloud's own command lines that put back what one step changed. */
export const Undo = z.object({
  step: z.string().max(64),
  commands: z.array(z.string()).readonly(),
})
export type Undo = z.infer<typeof Undo>

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
