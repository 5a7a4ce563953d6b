import { InputError } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import { newRows } from '../../core/flow-rows.ts'
import type { LineOptions, LineReader } from '../../core/source.ts'
import { type Head, headOf } from '../envelopes/head.ts'
import { createLineSplitter } from '../envelopes/lines.ts'
import { compileFormat, type Format, isFieldName } from './format.ts'
import { createRecordDecoder, MAX_LINE, type RecordDecoder } from './record.ts'
import type { Strings } from './strings.ts'

const SPACE = 32
const NEWLINE = 10
const RETURN = 13
const DOLLAR = 36

/**
 * Reads a flow log file: a header line, wherever it stands, gives the format of what follows; before the first the format is
 * the given one. Blank lines are none.
 */
export function createFlowLines(
  strings: Strings,
  sink: Sink,
  initial: Format,
  { partial = false, time }: LineOptions = {},
): LineReader {
  let format: Format | undefined = initial
  let unusable = ''
  let line = 0

  const rows = sink.rows && newRows(strings.interfaces)
  const decoder: RecordDecoder = createRecordDecoder(strings, {
    flow(flow) {
      handOn()
      sink.flow(flow)
    },
    rows,
    full: handOn,
    coverage(coverage) {
      handOn()
      sink.coverage(coverage)
    },
    reject: (reason, bytes, from, to) => reject(reason, headOf(bytes, from, to)),
  })

  function handOn(): void {
    if (!rows || rows.count === 0) return
    sink.rows?.(rows)
    rows.count = 0
  }

  function reject(reason: string, head: Head): void {
    sink.reject({ position: `line ${line}`, reason, ...head })
  }

  /** A line is a header if its first word is a field's name, which no value is. */
  function header(bytes: Uint8Array, from: number): boolean {
    let end = from
    while ((bytes[end] ?? 0) > SPACE && end - from < 40) end++
    return isFieldName(ascii(bytes, from, end))
  }

  function switchTo(bytes: Uint8Array, from: number, to: number): void {
    try {
      format = compileFormat(ascii(bytes, from, to).trimEnd(), { partial })
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      format = undefined
      unusable = thrown.message
      reject(thrown.message, headOf(bytes, from, to))
    }
  }

  return createLineSplitter(MAX_LINE, {
    lines(bytes, from, to) {
      let at = from
      while (at < to) {
        line++
        // Some editors and exports begin a file with the byte order mark.
        if (line === 1 && bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) at += 3
        const first = bytes[at] ?? NEWLINE
        if (first === NEWLINE) at++
        else if (first === RETURN && bytes[at + 1] === NEWLINE) at += 2
        else if (((first >= 97 && first <= 122) || first === DOLLAR) && header(bytes, at)) {
          const end = bytes.indexOf(NEWLINE, at)
          switchTo(bytes, at, end)
          at = end + 1
        } else if (format) at = decoder.decode(bytes, at, format, time)
        else {
          const end = bytes.indexOf(NEWLINE, at)
          reject(`Cannot parse flow record: ${unusable}`, headOf(bytes, at, end))
          at = end + 1
        }
      }
      handOn()
    },
    overlong(head, length) {
      line++
      reject(`Cannot parse flow record: it has ${length} bytes, ${MAX_LINE} are allowed`, { bytes: head })
    },
  })
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}
