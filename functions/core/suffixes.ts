/**
 * Finds the longest suffix, in whole labels, that a name equals or ends with: `a.pool.example` is under `pool.example`,
 * `carpool.example` is not. Only as many labels are looked up as the longest suffix has, so that a name without end costs
 * no more than reading it: the intruder chooses the name.
 */
export function compileSuffixes<T>(
  entries: Iterable<readonly [suffix: string, value: T]>,
): (name: string) => T | undefined {
  const known = new Map(entries)
  let deepest = 0
  for (const suffix of known.keys()) deepest = Math.max(deepest, suffix.split('.').length)
  return name => {
    let found: T | undefined
    let end = name.length
    for (let labels = 0; labels < deepest && end >= 0; labels++) {
      const dot = end > 0 ? name.lastIndexOf('.', end - 1) : -1
      found = known.get(name.slice(dot + 1)) ?? found
      end = dot
    }
    return found
  }
}
