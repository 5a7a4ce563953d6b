import { InputError } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { LineReader, LogBatch } from '../../core/source.ts'
import { headOfText } from './head.ts'
import { createLineSplitter } from './lines.ts'

/** CloudWatch Logs takes no event above 1 MiB (CloudWatch Logs User Guide, "Quotas"). */
const MAX_RECORD = 1 << 20

/** Decodes one record, or throws InputError with the reason. */
type Decode = (text: string) => void

/** Each event is one record; what cannot be decoded is rejected and the rest goes on. */
export function decodeEach({ events }: LogBatch, sink: Sink, what: string, decode: Decode): void {
  events.forEach(({ id, message }, index) => {
    attempt(message, `event ${index} (${id})`, sink, what, decode)
  })
}

/** A file with one record a line. */
export function jsonLines(sink: Sink, what: string, decode: Decode): LineReader {
  let line = 0
  return createLineSplitter(MAX_RECORD, {
    lines(bytes, from, to) {
      let at = from
      while (at < to) {
        const end = bytes.indexOf(10, at)
        const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at)
          .toString('utf8')
          .trim()
        at = end + 1
        line++
        if (text !== '') attempt(text, `line ${line}`, sink, what, decode)
      }
    },
    overlong(head, length) {
      line++
      const reason = `Cannot parse ${what}: it has ${length} bytes, ${MAX_RECORD} are allowed`
      sink.reject({ position: `line ${line}`, reason, bytes: head })
    },
  })
}

function attempt(text: string, position: string, sink: Sink, what: string, decode: Decode): void {
  try {
    if (text.length > MAX_RECORD)
      throw new InputError(`Cannot parse ${what}: it has ${text.length} characters, ${MAX_RECORD} are allowed`)
    decode(text)
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
    sink.reject({ position, reason: thrown.message, ...headOfText(text) })
  }
}
