import { reasonOf } from '../../../core/errors.ts'

export interface Each<R> {
  readonly results: readonly R[]
  /** Names each target that failed; absent where none did. */
  readonly failure?: Error
}

/** Changes all targets at once. One that fails stops no other. */
export async function tryEach<T, R>(
  action: string,
  targets: readonly T[],
  nameOf: (target: T) => string,
  change: (target: T) => Promise<R>,
): Promise<Each<R>> {
  const settled = await Promise.allSettled(targets.map(change))
  const results = settled.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  const failures = settled.flatMap((one, index) => {
    const target = targets[index]
    return one.status === 'rejected' && target !== undefined ? `${nameOf(target)}: ${reasonOf(one.reason)}` : []
  })
  return failures.length > 0 ? { results, failure: new Error(`Cannot ${action} ${failures.join('; ')}`) } : { results }
}

/** The same, for changes that leave nothing to remember: throws at the end where a target failed. */
export async function changeEach<T, R>(...parameters: Parameters<typeof tryEach<T, R>>): Promise<readonly R[]> {
  const { results, failure } = await tryEach(...parameters)
  if (failure) throw failure
  return results
}
