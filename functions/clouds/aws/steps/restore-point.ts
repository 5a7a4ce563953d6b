import type { Description } from '../../../core/description.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Work } from '../../../core/ports.ts'

export function restorePointOf({ id, restorePoint }: Incident): Description {
  if (!restorePoint) throw new Error(`Cannot change ${id}: no restore point is written`)
  return restorePoint
}

/** Whether the restore point still shows how things stand: it was read moments ago, and nothing was changed since. */
export function isFresh({ incident, attempt }: Work): boolean {
  return attempt === 1 && incident.cut.at === undefined
}

/** A list that an earlier try of the step left among its facts. */
export function factList({ steps }: Incident, step: string, name: string): readonly string[] {
  const fact = steps[step]?.facts[name]
  return Array.isArray(fact) ? fact : []
}
