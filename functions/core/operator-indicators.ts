import { parseCidr } from './address.ts'
import { InputError, quoted } from './errors.ts'

/** An operator's own fact by which a service is recognised, beside the built-in ones; format: docs/indicators.md. */
export interface OperatorIndicator {
  readonly kind: OperatorKind
  /** A name that stands for all below it, or a range. */
  readonly value: string
}

const NAMED = ['tunnel-ingress', 'tunnel-service', 'pool'] as const
const RANGED = ['tunnel-range', 'pool-range'] as const
export type OperatorKind = (typeof NAMED)[number] | (typeof RANGED)[number]

/** The packaged list and the configuration together stay within what a function reads at its start. */
export const MAX_INDICATORS = 10_000
export const MAX_LINE = 512
const MAX_LIST_BYTES = 1 << 20

/** Wider than any service's own range: a slip of the pen must not make half the internet a pool. */
const SHORTEST_PREFIX = { 4: 16, 6: 32 } as const
/** At least two labels: a top-level domain is nobody's service. */
const NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,31}$/
const DATE = /^# date: (\d{4}-\d{2}-\d{2})$/

/** One entry, `kind value`, with a comment or none. Throws `InputError`. */
export function parseIndicator(text: string): OperatorIndicator {
  if (text.length > MAX_LINE) throw new InputError(`Cannot read indicator: it has more than ${MAX_LINE} characters`)
  const comment = text.indexOf('#')
  const words = (comment < 0 ? text : text.slice(0, comment)).split(/\s/).filter(word => word !== '')
  const [given = '', value = '', ...more] = words
  if (words.length !== 2 || more.length > 0)
    throw new InputError(`Cannot read indicator: ${quoted(text)} is not "kind value", with a # before any comment`)
  const named = NAMED.find(kind => kind === given)
  if (named) {
    const name = value.toLowerCase()
    if (!NAME.test(name))
      throw new InputError(`Cannot read indicator: ${quoted(value)} is no name of two labels or more`)
    return { kind: named, value: name }
  }
  const ranged = RANGED.find(kind => kind === given)
  if (!ranged)
    throw new InputError(
      `Cannot read indicator: the kind is ${quoted(given)}; there are ${[...NAMED, ...RANGED].join(', ')}`,
    )
  const range = parseCidr(value)
  if (!range) throw new InputError(`Cannot read indicator: ${quoted(value)} is neither an address nor a range`)
  if (range.prefix < SHORTEST_PREFIX[range.family])
    throw new InputError(`Cannot read indicator: ${quoted(value)} is wider than /${SHORTEST_PREFIX[range.family]}`)
  return { kind: ranged, value }
}

/** A list with its date, `YYYY-MM-DD`. Throws `InputError` that names the line. */
export function parseIndicatorList(text: string): { readonly date: string; readonly entries: readonly string[] } {
  if (text.length > MAX_LIST_BYTES)
    throw new InputError(`Cannot read indicators: more than ${MAX_LIST_BYTES} characters`)
  const lines = text.split('\n').map(line => line.trim())
  const date = DATE.exec(lines[0] ?? '')?.[1]
  if (date === undefined || Number.isNaN(Date.parse(date)))
    throw new InputError(`Cannot read indicators: line 1 is ${quoted(lines[0] ?? '')} instead of "# date: YYYY-MM-DD"`)
  const entries: string[] = []
  for (const [index, line] of lines.entries()) {
    if (line === '' || line.startsWith('#')) continue
    try {
      parseIndicator(line)
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      throw new InputError(`Cannot read indicators: line ${index + 1}: ${thrown.message}`, { cause: thrown })
    }
    entries.push(line)
    if (entries.length > MAX_INDICATORS) throw new InputError(`Cannot read indicators: more than ${MAX_INDICATORS}`)
  }
  return { date, entries }
}

/** Whole days since the list's date. `now` in milliseconds. */
export function ageInDays(date: string, now: number): number {
  return Math.floor((now - Date.parse(date)) / 86_400_000)
}
