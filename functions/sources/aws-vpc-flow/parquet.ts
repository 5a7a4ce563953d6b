import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { InputError, RetryableError, reasonOf } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { LineOptions, RangedFile } from '../../core/source.ts'
import { headOfText } from '../envelopes/head.ts'
import { columnOf, SKIP } from './fields.ts'
import { compileFormat, type Format } from './format.ts'
import { createRecordDecoder } from './record.ts'
import type { Strings } from './strings.ts'

const WHAT = 'Parquet flow log'
const NEWLINE = 10

/** AWS ends a file at 75 MB (Amazon VPC User Guide, "Flow log files"); a row group is held in memory as a whole. */
const MAX_GROUP_BYTES = 512 * 1024 * 1024
const MAX_GROUP_ROWS = 4_000_000
const MAX_PAGE_BYTES = 64 * 1024 * 1024
/** Rows that are objects at one time. */
const STEP = 50_000

const bounded = (length: number) => ({ maxOutputLength: Math.max(1, Math.min(length, MAX_PAGE_BYTES)) })

const compressors = {
  GZIP: (bytes: Uint8Array, length: number) => gunzipSync(bytes, bounded(length)),
  ZSTD: (bytes: Uint8Array, length: number) => zstdDecompressSync(bytes, bounded(length)),
  BROTLI: (bytes: Uint8Array, length: number) => brotliDecompressSync(bytes, bounded(length)),
}

/**
 * Reads a flow log in Parquet: only the columns that are needed, and each row as the line that it would be in text, so that
 * one decoder says what a record is.
 *
 * The Parquet reader trusts the counts inside a file's pages (hyparquet 1.31, `readRle`): a forged file can keep it busy or fill
 * the memory. Whoever reads objects that others may write does it in a worker with a limit on both.
 * @throws InputError for a file that cannot be read; rows that cannot are rejected.
 */
export async function readParquet(
  strings: Strings,
  file: RangedFile,
  sink: Sink,
  { partial = false, time, relieve }: LineOptions = {},
): Promise<void> {
  const metadata = await reading(() => parquetMetadataAsync(file))
  const columns = neededColumns(metadata)
  const format: Format = compileFormat(columns.join(' '), { partial })
  let row = 0
  let line = ''
  const { decode } = createRecordDecoder(strings, {
    flow: flow => sink.flow(flow),
    coverage: coverage => sink.coverage(coverage),
    reject: reason => sink.reject({ position: `row ${row}`, reason, ...headOfText(line) }),
  })
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows)
    if (!(rows <= MAX_GROUP_ROWS) || Number(group.total_byte_size) > MAX_GROUP_BYTES)
      throw new InputError(`Cannot read ${WHAT}: a row group has ${rows} rows and ${group.total_byte_size} bytes`)
    const remembered = remembering(file)
    for (let from = rowStart; from < rowStart + rows; from += STEP) {
      const range = { rowStart: from, rowEnd: Math.min(from + STEP, rowStart + rows) }
      const values = await reading(() =>
        parquetReadObjects({ file: remembered, metadata, columns, compressors, ...range }),
      )
      for (const value of values) {
        row++
        line = lineOf(value, columns)
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
    rowStart += rows
  }
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

function neededColumns({ schema }: FileMetaData): string[] {
  return schema
    .slice(1)
    .map(({ name }) => name)
    .filter(name => (columnOf(name.replaceAll('_', '-')) ?? SKIP) !== SKIP)
}

function lineOf(row: Readonly<Record<string, unknown>>, columns: readonly string[]): string {
  return columns
    .map(name => {
      const value = row[name]
      if (typeof value === 'string') return value === '' ? '-' : value
      return typeof value === 'number' || typeof value === 'bigint' ? String(value) : '-'
    })
    .join(' ')
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
