import type { Change } from './change.ts'
import type { Incident } from './incident.ts'

/** The fact in which a step lists roles, each with its path. */
const ROLES = 'roles'

/**
 * Every identifier that is the incident's own: of what it was made of and of what its steps left. Not what it merely shares
 * with others, such as a subnet or an instance profile, since others are changed in these all the time.
 */
function identifiersOf(incident: Incident): ReadonlySet<string> {
  const { instance, restorePoint, denials } = incident
  return new Set([
    instance,
    ...(restorePoint?.interfaces ?? []).flatMap(({ id, addresses, publicAddresses }) => [
      id,
      ...addresses,
      ...publicAddresses.flatMap(({ address, allocation, association }) =>
        [address, allocation, association].flatMap(one => one ?? []),
      ),
    ]),
    ...(restorePoint?.volumes ?? []).map(({ id }) => id),
    ...(restorePoint?.acls ?? []).map(({ id }) => id),
    ...denials.map(({ acl }) => acl),
    ...namedInFacts(incident),
  ])
}

/** Identifiers of what the incident's steps made, or found and wrote down. */
export function namedInFacts({ steps }: Incident): ReadonlySet<string> {
  const facts = Object.values(steps).flatMap(one => Object.entries(one.facts))
  return new Set(
    facts.flatMap(([name, fact]) => [fact].flat().flatMap(one => (typeof one === 'string' ? inFact(name, one) : []))),
  )
}

/** A fact names what a step made, often several in one text: `acl-1/egress/1/203.0.113.9/32`. Words and numbers are no identifiers. */
function inFact(name: string, fact: string): string[] {
  if (name === ROLES) return [fact.slice(fact.lastIndexOf('/') + 1)]
  return fact.split(/[^\w-]+/).filter(part => part.length >= 6 && /-/.test(part) && /\d/.test(part))
}

/** Whether what was changed is something that the incident rests on. */
export function concerns({ touches, subjects }: Change, incident: Incident): boolean {
  if (touches.includes('every')) return true
  if (!touches.includes('cut')) return false
  // Others are put into the quarantine group, too; its rules are everybody's who is in it.
  if (touches.includes('rules') && incident.quarantine !== undefined && subjects.includes(incident.quarantine))
    return true
  const identifiers = identifiersOf(incident)
  return subjects.some(subject => identifiers.has(subject))
}
