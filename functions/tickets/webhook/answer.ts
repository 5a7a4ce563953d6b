import * as z from 'zod'
import { InputError, quoted, RetryableError } from '../../core/errors.ts'

/** An answer holds a reference and little more; a receiver that sends a book is not waited for. */
const MAX_ANSWER_BYTES = 65_536

const Reference = z.union([z.string().min(1).max(512), z.number().transform(String)])

/** What trackers call it; the rest of the answer is theirs. */
const Answer = z.object({
  reference: Reference.optional(),
  id: Reference.optional(),
  key: Reference.optional(),
})

/** The answer's text. Throws `InputError` past the bound, `RetryableError` where the connection broke on the way. */
export async function readAnswer(response: Response, signal: AbortSignal): Promise<string> {
  if (!response.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = response.body.getReader()
  // ky bounds the time to the headers only: a body that trickles has to be ended here.
  const cancel = () => void reader.cancel().catch(() => undefined)
  signal.addEventListener('abort', cancel, { once: true })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (signal.aborted) throw new RetryableError('the answer was not complete in time')
      if (done) return Buffer.concat(chunks).toString('utf8')
      size += value.byteLength
      if (size > MAX_ANSWER_BYTES) throw new InputError(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`)
      chunks.push(value)
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}

/** The tracker's reference, or `undefined` for an answer that names none (nothing, `ok`, a page). */
export function referenceIn(answer: string): string | undefined {
  const json = jsonIn(answer)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  const parsed = Answer.safeParse(json)
  if (!parsed.success) {
    const field = String(parsed.error.issues[0]?.path[0] ?? '')
    throw new InputError(`the answer's field ${quoted(field)} is no reference`)
  }
  const { reference, id, key } = parsed.data
  return reference ?? id ?? key
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not every receiver speaks JSON, and none has to: our key is the reference then.
    return undefined
  }
}
