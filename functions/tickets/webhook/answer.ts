import * as z from 'zod'
import { InputError, quoted } from '../../core/errors.ts'
import { jsonIn } from '../http/answer.ts'

const Reference = z.union([z.string().min(1).max(512), z.number().transform(String)])

/** What trackers call it; the rest of the answer is theirs. */
const Answer = z.object({
  reference: Reference.optional(),
  id: Reference.optional(),
  key: Reference.optional(),
})

/** The tracker's reference, or `undefined` for an answer that names none (nothing, `ok`, a page). */
export function referenceIn(answer: string): string | undefined {
  const json = jsonIn(answer)
  // Not every receiver speaks JSON, and none has to: our key is the reference then.
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  const parsed = Answer.safeParse(json)
  if (!parsed.success) {
    const field = String(parsed.error.issues[0]?.path[0] ?? '')
    throw new InputError(`the answer's field ${quoted(field)} is no reference`)
  }
  const { reference, id, key } = parsed.data
  return reference ?? id ?? key
}
