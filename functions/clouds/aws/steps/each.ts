import { reasonOf } from '../../../core/errors.ts'

/**
 * Changes all targets at once. One that fails stops no other; at the end the error names each that failed, so that the
 * journal does.
 */
export async function changeEach<T, R>(
  action: string,
  targets: readonly T[],
  nameOf: (target: T) => string,
  change: (target: T) => Promise<R>,
): Promise<R[]> {
  const settled = await Promise.allSettled(targets.map(change))
  const failures = settled.flatMap((one, index) => {
    const target = targets[index]
    if (one.status === 'fulfilled' || target === undefined) return []
    return { name: nameOf(target), thrown: one.reason as unknown }
  })
  if (failures.length > 0)
    throw new Error(
      `Cannot ${action} ${failures.map(({ name, thrown }) => `${name}: ${reasonOf(thrown)}`).join('; ')}`,
      { cause: failures[0]?.thrown },
    )
  return settled.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
}
