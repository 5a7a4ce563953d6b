import type * as z from 'zod'
import { InputError, quoted, RetryableError } from '../../core/errors.ts'

/** The answer's text. Throws `InputError` past the bound, `RetryableError` where the connection broke on the way. */
export async function readAnswer(response: Response, most: number, signal: AbortSignal): Promise<string> {
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
      if (size > most) throw new InputError(`the answer is larger than ${most} bytes`)
      chunks.push(value)
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}

export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The answer as the tracker documents it. Throws `InputError` for a page, for nothing, and for a field that is not as it should be. */
export function shaped<T>(schema: z.ZodType<T>, text: string): T {
  if (text.trim() === '') throw new InputError('the answer is empty')
  const json = jsonIn(text)
  if (json === undefined) throw new InputError(`the answer is no JSON: ${quoted(text.slice(0, 40))}`)
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new InputError(
    `the answer's field ${quoted(parsed.error.issues[0]?.path.join('.') ?? '')} is not as documented`,
  )
}

/** For a request that is answered with nothing: whatever is there comes from somebody else, such as a proxy's page. */
export function nothing(text: string): void {
  if (text.trim() !== '') throw new InputError(`the answer should be empty and is ${quoted(text.slice(0, 40))}`)
}
