import { InputError, quoted } from '../../core/errors.ts'
import {
  ACTION,
  BYTES,
  columnOf,
  DESTINATION,
  DESTINATION_PORT,
  END,
  GATEWAY,
  PACKET_DESTINATION,
  PACKET_SOURCE,
  PACKETS,
  PAST,
  PROTOCOL,
  SOURCE,
  SOURCE_PORT,
  START,
} from './fields.ts'

/** A format, compiled: how each column is read. */
export interface Format {
  readonly fields: readonly string[]
  /** One for each field, and `PAST` after the last. */
  readonly columns: Uint8Array
  /** Bit n: some field is read as column n. */
  readonly present: number
  /** A transit gateway's records stand for no interface of an instance. */
  readonly transit: boolean
  /** Whether the records carry their own times. */
  readonly timed: boolean
}

const MAX_TEXT = 8192

/**
 * Compiles field names with spaces between, in any order, plain or as AWS writes them (`${srcaddr}`); underscores count as
 * hyphens, as in Parquet. A format has to carry what a verdict and the proof of a cut rest on, unless it may be `partial`:
 * then both addresses are enough.
 * @throws InputError that names the field.
 */
export function compileFormat(text: string, { partial = false }: { readonly partial?: boolean } = {}): Format {
  if (text.length > MAX_TEXT)
    throw new InputError(`Cannot use flow log format: it has ${text.length} characters, ${MAX_TEXT} are allowed`)
  const fields: string[] = []
  const columns: number[] = []
  const seen = new Set<string>()
  for (const word of text.split(' ')) {
    if (word === '') continue
    const name = fieldName(word)
    const column = columnOf(name)
    if (column === undefined) throw new InputError(`Cannot use flow log format: there is no field ${quoted(word)}`)
    if (seen.has(name)) throw new InputError(`Cannot use flow log format: field ${quoted(name)} stands twice`)
    seen.add(name)
    fields.push(name)
    columns.push(column)
  }
  const has = (column: number) => columns.includes(column)
  const transit = has(GATEWAY)
  const lacking = [
    [has(SOURCE) || has(PACKET_SOURCE), 'srcaddr', true],
    [has(DESTINATION) || has(PACKET_DESTINATION), 'dstaddr', true],
    [has(SOURCE_PORT), 'srcport', false],
    [has(DESTINATION_PORT), 'dstport', false],
    [has(PROTOCOL), 'protocol', false],
    [has(PACKETS), 'packets', false],
    [has(BYTES), 'bytes', false],
    [has(START), 'start', false],
    [has(END), 'end', false],
    [has(ACTION) || transit, 'action', false],
  ] as const
  const lacks = lacking.filter(([there, , always]) => !there && (always || !partial)).map(([, name]) => name)
  if (lacks.length > 0) throw new InputError(`Cannot use flow log format: it lacks ${lacks.join(', ')}`)
  return {
    fields,
    columns: Uint8Array.from([...columns, PAST]),
    present: columns.reduce((bits, column) => bits | (1 << column), 0),
    transit,
    timed: has(START) && has(END),
  }
}

/** Whether the word can only be a header's: no value of a flow log is the name of a field. */
export function isFieldName(word: string): boolean {
  return columnOf(fieldName(word)) !== undefined
}

function fieldName(word: string): string {
  const name = word.startsWith('${') && word.endsWith('}') ? word.slice(2, -1) : word
  return name.replaceAll('_', '-')
}
