import { namedInFacts } from './concern.ts'
import { aclsOf } from './denial.ts'
import type { Description } from './description.ts'
import type { Incident } from './incident.ts'
import { withLines } from './incident-store.ts'

/** Keeps an incident's row far below a ledger item's 400 KB; no instance has as many at a time. */
const MAX_INTERFACES = 128

/**
 * Takes interfaces that were attached since the cut into the restore point, with the groups in which they came, and ACLs
 * that stand before the instance only since. Written down before anything is changed there: afterwards nobody could tell
 * where an interface belongs, or which entry is ours.
 */
export function takeIn(incident: Incident, live: Description | undefined, now: number): Incident {
  const { restorePoint, quarantine } = incident
  if (!restorePoint || !live) return incident
  const known = new Set(restorePoint.interfaces.map(({ id }) => id))
  // One that came in the quarantine group alone was moved already, by a step that had found it first.
  const late = live.interfaces
    .filter(({ id, groups }) => !known.has(id) && !(groups.length === 1 && groups[0] === quarantine))
    .slice(0, Math.max(0, MAX_INTERFACES - known.size))
  const acls = strangeAcls(incident, live).filter(({ id }) => !restorePoint.acls.some(one => one.id === id))
  if (late.length + acls.length === 0) return incident
  return withLines(
    {
      ...incident,
      restorePoint: {
        ...restorePoint,
        interfaces: [...restorePoint.interfaces, ...late],
        acls: [...restorePoint.acls, ...acls],
      },
    },
    late.map(({ id, groups }) => ({
      at: now,
      kind: 'note' as const,
      text: `Interface ${id} was attached after the cut, in ${groups.join(', ')}: it is in the restore point now`,
    })),
  )
}

/** ACLs before the instance of which nobody has decided what they may deny, and that no step put there. */
export function strangeAcls(incident: Incident, live: Description | undefined): Description['acls'] {
  const made = namedInFacts(incident)
  return (live ? aclsOf(live) : []).filter(({ id }) => !made.has(id) && !incident.denials.some(({ acl }) => acl === id))
}
