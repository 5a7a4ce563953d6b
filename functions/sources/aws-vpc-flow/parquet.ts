import { type AsyncBuffer, type FileMetaData, parquetMetadata, parquetRead } from 'hyparquet'
import * as z from 'zod'
import { InputError, RetryableError, reasonOf } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { LineOptions, RangedFile } from '../../core/source.ts'
import { parseRecord } from '../envelopes/fields.ts'
import { headOfText } from '../envelopes/head.ts'
import { columnOf, SKIP } from './fields.ts'
import { compileFormat, type Format } from './format.ts'
import { compressors } from './parquet-codecs.ts'
import { type Budget, checkPages } from './parquet-pages.ts'
import { readStruct } from './parquet-thrift.ts'
import { createRecordDecoder } from './record.ts'
import type { Strings } from './strings.ts'

const WHAT = 'Parquet flow log'
const NEWLINE = 10

/** AWS ends a file at 75 MB (Amazon VPC User Guide, "Flow log files"); a row group is held in memory as a whole. */
const MAX_GROUP_BYTES = 512 * 1024 * 1024
const MAX_GROUP_ROWS = 4_000_000
/** Rows that are held at one time, and the most steps that read a page again. */
const STEP = 250_000
const MAX_STEPS = 16

/** The end of a file: the metadata's length and a mark, of four bytes each. One range holds most files' metadata too. */
const FOOTER = 8
const FIRST_RANGE = 512 * 1024
const MAX_METADATA = 16 * 1024 * 1024
const METADATA = { elements: 200_000, depth: 16 }

/**
 * What a file of a size may hold. Text of flow logs shrinks to a tenth; repeated without end gzip makes of a record less than a
 * byte. The constants leave small files of much alike room.
 */
const mostRows = (size: number) => 1_000_000 + 4 * size
const mostBytes = (size: number) => 64 * 1024 * 1024 + 256 * size

/** As numbers or texts; times, decimals and nested columns are no fields of a flow log. */
const TYPES = new Set(['INT32', 'INT64', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY'])

/** What is read of the metadata: the reader's own types promise fields that a file may lack. */
const Metadata = z.object({
  schema: z.array(
    z.object({
      name: z.string(),
      type: z.string().optional(),
      num_children: z.number().optional(),
      repetition_type: z.string().optional(),
    }),
  ),
  row_groups: z.array(
    z.object({
      num_rows: z.bigint(),
      columns: z.array(
        z.object({
          file_path: z.string().optional(),
          meta_data: z.object({
            type: z.string().optional(),
            codec: z.string().optional(),
            path_in_schema: z.array(z.string()),
            total_compressed_size: z.bigint(),
            data_page_offset: z.bigint(),
            dictionary_page_offset: z.bigint().optional(),
          }),
        }),
      ),
    }),
  ),
})
type Metadata = z.infer<typeof Metadata>
type RowGroup = Metadata['row_groups'][number]
type ColumnMetadata = RowGroup['columns'][number]['meta_data']

/**
 * Reads a flow log in Parquet: only the columns that are needed, and each row as the line that it would be in text, so that
 * one decoder says what a record is. Metadata and pages are held against the file's size before the Parquet reader, which
 * trusts them, is given any (parquet-thrift.ts, parquet-pages.ts).
 * @throws InputError for a file that cannot be read; rows that cannot are rejected.
 */
export async function readParquet(
  strings: Strings,
  file: RangedFile,
  sink: Sink,
  { partial = false, time, relieve }: LineOptions = {},
): Promise<void> {
  const metadata = await reading(() => readMetadata(file))
  const known = parseRecord(Metadata, metadata, WHAT)
  const columns = neededColumns(known)
  const format: Format = compileFormat(columns.join(' '), { partial })
  let row = 0
  let line = ''
  const { decode } = createRecordDecoder(strings, {
    flow: flow => sink.flow(flow),
    coverage: coverage => sink.coverage(coverage),
    reject: reason => sink.reject({ position: `row ${row}`, reason, ...headOfText(line) }),
  })
  const budget: Budget = { bytes: mostBytes(file.byteLength) }
  let rowsLeft = mostRows(file.byteLength)
  let bytesLeft = file.byteLength
  for (const [index, group] of known.row_groups.entries()) {
    const rows = Number(group.num_rows)
    const chunks = chunksOf(group, known, columns)
    const size = chunks.reduce((sum, { start, end }) => sum + end - start, 0)
    rowsLeft -= rows
    bytesLeft -= size
    if (!(rows >= 0 && rows <= MAX_GROUP_ROWS) || size > MAX_GROUP_BYTES || rowsLeft < 0 || bytesLeft < 0)
      throw new InputError(`Cannot read ${WHAT}: a row group has ${rows} rows and ${size} bytes`)
    if (rows === 0) continue
    let largest = 0
    const held = new Map<number, ArrayBuffer>()
    for (const { start, end, type, codec, optional } of chunks) {
      const bytes = await reading(async () => await file.slice(start, end))
      const chunk = { type, codec, optional, rows }
      largest = Math.max(largest, await reading(async () => checkPages(new Uint8Array(bytes), chunk, budget)))
      held.set(start, bytes)
    }
    const alone = { ...metadata, row_groups: metadata.row_groups.slice(index, index + 1), num_rows: group.num_rows }
    const checked = ofChunks(held, file.byteLength)
    const step = Math.max(STEP, Math.ceil(largest / MAX_STEPS))
    for (let from = 0; from < rows; from += step) {
      const to = Math.min(from + step, rows)
      const values = await reading(() => columnsOf(checked, alone, columns, from, to))
      for (let at = 0; at < to - from; at++) {
        row++
        line = lineOf(values, at)
        const bytes = Buffer.from(`${line}\n`)
        if (bytes.indexOf(NEWLINE) === bytes.length - 1) decode(bytes, 0, format, time)
        else
          sink.reject({
            position: `row ${row}`,
            reason: 'Cannot parse flow record: a value holds a line end',
            ...headOfText(line),
          })
      }
      await relieve?.()
    }
  }
}

async function readMetadata(file: RangedFile): Promise<FileMetaData> {
  const size = file.byteLength
  if (size < FOOTER) throw new InputError(`Cannot read ${WHAT}: it has ${size} bytes`)
  let end = await file.slice(Math.max(0, size - FIRST_RANGE), size)
  if (end.byteLength !== Math.min(size, FIRST_RANGE)) throw new InputError(`Cannot read ${WHAT}: it is cut off`)
  const length = new DataView(end).getUint32(end.byteLength - FOOTER, true)
  if (length > size - FOOTER || length > MAX_METADATA)
    throw new InputError(`Cannot read ${WHAT}: its metadata has ${length} bytes of ${size}`)
  if (length + FOOTER > end.byteLength) end = await file.slice(size - length - FOOTER, size)
  const bytes = new Uint8Array(end)
  readStruct(bytes.subarray(0, bytes.length - FOOTER), bytes.length - FOOTER - length, METADATA)
  return parquetMetadata(end, { geoparquet: false })
}

interface ColumnChunk {
  readonly start: number
  readonly end: number
  readonly type: string
  readonly codec: string
  readonly optional: boolean
}

/** Where a row group's needed columns lie, one of each. */
function chunksOf({ columns }: RowGroup, { schema }: Metadata, needed: readonly string[]): ColumnChunk[] {
  const chunks = needed.map(name => {
    const [chunk, ...others] = columns.filter(({ meta_data }) => meta_data.path_in_schema[0] === name)
    const meta = chunk?.meta_data
    const element = schema.find((one, index) => index > 0 && one.name === name)
    if (!meta || others.length > 0 || meta.path_in_schema.length !== 1 || chunk.file_path !== undefined)
      throw new InputError(`Cannot read ${WHAT}: a row group has not one column "${name}"`)
    if (meta.type === undefined || !TYPES.has(meta.type) || meta.type !== element?.type || meta.codec === undefined)
      throw new InputError(`Cannot read ${WHAT}: column "${name}" is of type ${meta.type} in ${meta.codec}`)
    return { ...rangeOf(meta), type: meta.type, codec: meta.codec, optional: element.repetition_type !== 'REQUIRED' }
  })
  const ordered = chunks.toSorted((a, b) => a.start - b.start)
  if (ordered.some(({ start }, index) => start < (ordered[index - 1]?.end ?? 0)))
    throw new InputError(`Cannot read ${WHAT}: two columns lie in one place`)
  return chunks
}

function rangeOf(meta: ColumnMetadata): { readonly start: number; readonly end: number } {
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset)
  const end = start + Number(meta.total_compressed_size)
  if (!(start >= 0 && end >= start)) throw new InputError(`Cannot read ${WHAT}: a column lies at ${start} to ${end}`)
  return { start, end }
}

/** The bytes that were checked, as the file that they are of; what lies between them is zero. */
function ofChunks(chunks: ReadonlyMap<number, ArrayBuffer>, byteLength: number): RangedFile {
  return remembering({
    byteLength,
    slice(start, end = byteLength) {
      const whole = chunks.get(start)
      if (whole?.byteLength === end - start) return whole
      const bytes = new Uint8Array(end - start)
      for (const [at, chunk] of chunks)
        if (at >= start && at + chunk.byteLength <= end) bytes.set(new Uint8Array(chunk), at - start)
      return bytes.buffer
    },
  })
}

/** The steps of a row group read the same columns' bytes. */
function remembering(file: RangedFile): RangedFile {
  const known = new Map<string, Promise<ArrayBuffer>>()
  return {
    byteLength: file.byteLength,
    slice(start, end) {
      const range = `${start} ${end}`
      const bytes = known.get(range) ?? Promise.resolve(file.slice(start, end))
      known.set(range, bytes)
      return bytes
    },
  }
}

/** Flat columns alone: the reader builds a tree of what a file's schema claims to nest. */
function neededColumns({ schema: [root, ...fields] }: Metadata): string[] {
  const flat = fields.every(({ num_children, repetition_type }) => !num_children && repetition_type !== 'REPEATED')
  if (root?.num_children !== fields.length || !flat)
    throw new InputError(`Cannot read ${WHAT}: its schema is not that of a table`)
  const names = fields.map(({ name }) => name)
  if (new Set(names).size < names.length) throw new InputError(`Cannot read ${WHAT}: two of its columns have one name`)
  return names.filter(name => (columnOf(name.replaceAll('_', '-')) ?? SKIP) !== SKIP)
}

/** The values of rows, a list a column: a row as an object would cost more than reading it. Lacking ones are `undefined`. */
async function columnsOf(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: readonly string[],
  rowStart: number,
  rowEnd: number,
): Promise<readonly (readonly unknown[])[]> {
  const lists = new Map(columns.map((name): [string, unknown[]] => [name, new Array(rowEnd - rowStart)]))
  await parquetRead({
    ...{ file, metadata, columns: [...columns], compressors, rowStart, rowEnd },
    onChunk({ columnName, columnData, rowStart: first }) {
      // Pages are told whole.
      const list = lists.get(columnName) ?? []
      for (let at = Math.max(0, rowStart - first); at < columnData.length && first + at < rowEnd; at++)
        list[first + at - rowStart] = columnData[at]
    },
  })
  return [...lists.values()]
}

function lineOf(columns: readonly (readonly unknown[])[], at: number): string {
  let line = ''
  for (const column of columns) {
    const value = column[at]
    const known = typeof value === 'number' || typeof value === 'bigint' || (typeof value === 'string' && value !== '')
    line += `${line === '' ? '' : ' '}${known ? value : '-'}`
  }
  return line
}

/** The reader throws plain errors for files that are none; what the file's own ranges fail with is no word on it. */
async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (cause instanceof InputError || cause instanceof RetryableError) throw cause
    throw new InputError(`Cannot read ${WHAT}: ${reasonOf(cause)}`, { cause })
  }
}
