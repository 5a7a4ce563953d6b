import * as z from 'zod'
import { canonicalAddress } from '../../core/address.ts'
import { InputError, quoted } from '../../core/errors.ts'
import { secondsOf } from './time.ts'

/** Fields as several sources' records have them, and how a record that does not fit is refused. */

export const text = z.string().max(1024)

/** Seconds since the epoch, from any form of `secondsOf`. */
export const seconds = z.unknown().transform((value, context) => {
  const time = secondsOf(value)
  if (time !== undefined) return time
  context.addIssue({ code: 'custom', message: `${quoted(value)} is no time` })
  return z.NEVER
})

/** Canonical text. */
export const address = z
  .string()
  .max(64)
  .transform((value, context) => {
    const canonical = canonicalAddress(value)
    if (canonical !== undefined) return canonical
    context.addIssue({ code: 'custom', message: `${quoted(value)} is no address` })
    return z.NEVER
  })

/** A number, or its digits in a string. */
export const port = z.preprocess(
  value => (typeof value === 'string' && value !== '' && value.length < 6 ? Number(value) : value),
  z.number().int().min(0).max(65_535),
)

export const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)

/** Parses a record of `what`, or throws InputError that names the first field that does not fit. */
export function parseRecord<T extends z.ZodType>(schema: T, value: unknown, what: string): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = issue?.path.join('.') ?? ''
  throw new InputError(`Cannot parse ${what}: field ${quoted(path)}: ${issue?.message ?? 'invalid'}`)
}
