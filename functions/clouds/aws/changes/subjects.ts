/** Bounds on what is read of one event, whatever its caller put into it. */
const MAX_DEPTH = 12
const MAX_VALUES = 5000
const MAX_SUBJECTS = 1000
const MAX_LENGTH = 512

/**
 * Every short text in a call's parameters or answer. CloudTrail writes each service's, and each age's, in another shape
 * (`instancesSet.items`, `ModifyInstanceMetadataOptionsRequest.InstanceId`), so that what an event concerns is told by the
 * identifiers that it names anywhere.
 */
export function subjectsOf(value: unknown): string[] {
  const subjects = new Set<string>()
  let values = 0
  const waiting = [{ value, depth: 0 }]
  for (let one = waiting.pop(); one && values < MAX_VALUES && subjects.size < MAX_SUBJECTS; one = waiting.pop()) {
    values += 1
    if (typeof one.value === 'string') {
      if (one.value !== '' && one.value.length <= MAX_LENGTH) subjects.add(one.value)
    } else if (typeof one.value === 'object' && one.value !== null && one.depth < MAX_DEPTH) {
      const inside: unknown[] = Object.values(one.value).slice(0, MAX_VALUES)
      waiting.push(...inside.reverse().map(within => ({ value: within, depth: one.depth + 1 })))
    }
  }
  return [...subjects]
}
