import type { Change } from './change.ts'
import type { Incident } from './incident.ts'

/** Every identifier that the incident rests on: what it was made of, what it uses and what its steps left. */
function identifiersOf({ instance, quarantine, restorePoint, denials, steps }: Incident): ReadonlySet<string> {
  const interfaces = restorePoint?.interfaces ?? []
  return new Set([
    instance,
    ...(quarantine === undefined ? [] : [quarantine]),
    ...(restorePoint?.profile === undefined ? [] : [restorePoint.profile]),
    ...interfaces.flatMap(({ id, subnet, addresses, publicAddresses }) => [
      id,
      subnet,
      ...addresses,
      ...publicAddresses.flatMap(({ address, allocation = [], association = [] }) => [
        address,
        ...[allocation, association].flat(),
      ]),
    ]),
    ...(restorePoint?.volumes ?? []).map(({ id }) => id),
    ...(restorePoint?.acls ?? []).map(({ id }) => id),
    ...denials.map(({ acl }) => acl),
    // A step's facts name what it made, often several in one text: `acl-1/egress/1/203.0.113.9/32`.
    ...Object.values(steps).flatMap(({ facts }) =>
      Object.values(facts)
        .flat()
        .flatMap(fact => (typeof fact === 'string' ? [fact, ...fact.split(/[^\w.@+-]+/)] : [])),
    ),
  ])
}

/** Whether what was changed is something that the incident rests on. */
export function concerns({ touches, subjects }: Change, incident: Incident): boolean {
  if (touches.includes('every')) return true
  if (!touches.includes('cut')) return false
  const identifiers = identifiersOf(incident)
  return subjects.some(subject => subject !== '' && identifiers.has(subject))
}
