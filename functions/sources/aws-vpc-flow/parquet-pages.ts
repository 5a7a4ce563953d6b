import { InputError } from '../../core/errors.ts'
import { compressors, MAX_PAGE_BYTES } from './parquet-codecs.ts'
import { type Fields, readStruct } from './parquet-thrift.ts'

/** A column of one row group, as its metadata describes it. */
export interface Chunk {
  readonly type: string
  readonly codec: string
  readonly optional: boolean
  readonly rows: number
}

/** Bytes that may still be decompressed for the file. */
export interface Budget {
  bytes: number
}

/** No field of a flow log that is read is longer. */
const MAX_VALUE = 256
const HEADER = { elements: 64, depth: 4 }
const WIDTHS: Readonly<Record<string, number>> = { INT32: 4, INT64: 8, FLOAT: 4, DOUBLE: 8 }
const [DATA, DICTIONARY, DATA_V2] = [0, 2, 3]
const [PLAIN, PLAIN_DICTIONARY, DELTA_BINARY_PACKED, RLE_DICTIONARY, BYTE_STREAM_SPLIT] = [0, 2, 5, 8, 9]

const forged = (why: string) => new InputError(`Cannot read Parquet flow log: ${why}`)

/**
 * Holds each page of a column against what its header says, before the Parquet reader is given it. The reader trusts the counts
 * inside pages (hyparquet 1.31): a run in `readRle` may claim 2^31 values and fill the memory; a bit-packed run of width 0 and a
 * negative count (`readBitPacked`), or a delta block of negative size (`deltaBinaryUnpackInt32`), goes round for ever. Encodings in
 * which a value grows out of the one before are refused. Returns the rows of the largest page.
 */
export function checkPages(bytes: Uint8Array, chunk: Chunk, budget: Budget): number {
  let at = 0
  let rows = 0
  let largest = 0
  // The reader too stops one byte before the end, or when it has its rows.
  while (rows < chunk.rows && at < bytes.length - 1) {
    const { fields, end } = readStruct(bytes, at, HEADER)
    const compressed = countOf(fields, 3, bytes.length - end)
    const uncompressed = countOf(fields, 2, MAX_PAGE_BYTES)
    budget.bytes -= uncompressed
    if (budget.bytes < 0) throw forged('its pages are larger than a file of its size can hold')
    const body = bytes.subarray(end, end + compressed)
    at = end + compressed
    const type = fields.get(1)
    const open = (page: Uint8Array, length: number) => decompressed(page, length, chunk.codec)
    if (type === DICTIONARY) {
      const count = countOf(structOf(fields, 7), 1, uncompressed)
      checkPlain(open(body, uncompressed), 0, count, chunk.type)
      continue
    }
    const header = structOf(fields, type === DATA_V2 ? 8 : 5)
    const count = countOf(header, 1, chunk.rows - rows)
    if (type === DATA) checkPage(open(body, uncompressed), header, count, chunk)
    else if (type === DATA_V2) checkPageV2(body, header, { count, uncompressed }, chunk, open)
    else throw forged(`a page has type ${String(type)}`)
    rows += count
    largest = Math.max(largest, count)
  }
  if (rows !== chunk.rows) throw forged(`a column has ${rows} values, its row group ${chunk.rows} rows`)
  return largest
}

type Open = (page: Uint8Array, length: number) => Uint8Array

function decompressed(page: Uint8Array, length: number, codec: string): Uint8Array {
  const known = new Map<string, Open>(Object.entries(compressors))
  const opened = codec === 'UNCOMPRESSED' ? page : known.get(codec)?.(page, length)
  if (opened?.length !== length) throw forged(`a page in ${codec} has not the length that its header says`)
  return opened
}

function checkPage(page: Uint8Array, header: Fields, count: number, chunk: Chunk): void {
  let at = 0
  let values = count
  if (chunk.optional) {
    values = checkRuns(page, 4, 1, count)
    at = 4 + numberAt(page, 0)
  }
  checkValues(page, at, header.get(2), values, chunk.type)
}

function checkPageV2(
  body: Uint8Array,
  header: Fields,
  { count, uncompressed }: { readonly count: number; readonly uncompressed: number },
  chunk: Chunk,
  open: Open,
): void {
  const nulls = countOf(header, 2, count)
  const levels = countOf(header, 5, Math.min(body.length, uncompressed))
  // No column that is read repeats.
  if (header.get(3) !== count || header.get(6) !== 0 || (!chunk.optional && levels + nulls > 0))
    throw forged('a page has levels that its column has not')
  if (chunk.optional && checkRuns(body, 0, 1, count) !== count - nulls)
    throw forged('a page has not the nulls that it says')
  const length = uncompressed - levels
  const page = body.subarray(levels)
  checkValues(header.get(7) === 0 ? page : open(page, length), 0, header.get(4), count - nulls, chunk.type)
}

function checkValues(page: Uint8Array, from: number, encoding: unknown, count: number, type: string): void {
  if (encoding === PLAIN) checkPlain(page, from, count, type)
  else if (encoding === PLAIN_DICTIONARY || encoding === RLE_DICTIONARY) {
    const width = page[from]
    if (width === undefined || width > 32) throw forged(`a page's indexes have ${width} bits`)
    checkRuns(page, from + 1, width, count)
  } else if (encoding === DELTA_BINARY_PACKED && type.startsWith('INT')) checkDelta(page, from, count)
  else if (encoding === BYTE_STREAM_SPLIT && WIDTHS[type] !== undefined) checkPlain(page, from, count, type)
  else throw forged(`a page has encoding ${String(encoding)} of ${type}`)
}

function checkPlain(page: Uint8Array, from: number, count: number, type: string): void {
  const width = WIDTHS[type]
  if (width !== undefined) {
    if (from + count * width > page.length) throw forged('a page is shorter than its values')
    return
  }
  let at = from
  for (let left = count; left > 0; left--) {
    const length = numberAt(page, at)
    at += 4 + length
    if (length > MAX_VALUE) throw forged(`a value has ${length} bytes, ${MAX_VALUE} are allowed`)
    if (at > page.length) throw forged('a page is shorter than its values')
  }
}

/** Runs of equal values and of packed ones until there are `count` (parquet-format, Encodings.md). Returns how many are 1. */
function checkRuns(page: Uint8Array, from: number, width: number, count: number): number {
  let at = from
  let ones = 0
  for (let seen = 0; seen < count; ) {
    const header = varint(page, at, 5)
    at = header.end
    const left = count - seen
    const runs = header.value >>> 1
    if ((header.value & 1) === 0) {
      if (runs > left) throw forged(`a run of ${runs} values stands where ${left} are left`)
      if (width === 1 && page[at] === 1) ones += runs
      at += (width + 7) >> 3
      seen += runs
    } else {
      // Packed by eights, of which the last may be filled up.
      if (runs > Math.ceil(left / 8)) throw forged(`${runs} groups of values stand where ${left} values are left`)
      const values = Math.min(left, runs * 8)
      // What fills up the last eight may be left out.
      if (at + Math.ceil((values * width) / 8) > page.length) throw forged('a page is shorter than its runs')
      if (width === 1) for (let bit = 0; bit < values; bit++) ones += ((page[at + (bit >> 3)] ?? 0) >> (bit & 7)) & 1
      at += runs * width
      seen += values
      continue
    }
    if (at > page.length) throw forged('a page is shorter than its runs')
  }
  return ones
}

function checkDelta(page: Uint8Array, from: number, count: number): void {
  const [block, minis, , first] = varints(page, from, [5, 5, 5, 10])
  const size = (block?.value ?? 0) / (minis?.value ?? 0)
  if (!(size > 0 && size <= 65_536 && size % 32 === 0)) throw forged(`a page has delta blocks of ${size} values`)
  let at = first?.end ?? page.length
  for (let left = count - 1; left > 0; ) {
    const widths = varint(page, at, 10).end
    at = widths + (minis?.value ?? 0)
    for (let mini = widths; mini < widths + (minis?.value ?? 0) && left > 0; mini++, left -= size) {
      const width = page[mini] ?? 65
      if (width > 64) throw forged(`a page has deltas of ${width} bits`)
      at += (size / 8) * width
    }
    if (at > page.length) throw forged('a page is shorter than its deltas')
  }
}

interface Varint {
  readonly value: number
  readonly end: number
}

function varints(page: Uint8Array, from: number, lengths: readonly number[]): Varint[] {
  let at = from
  return lengths.map(most => {
    const read = varint(page, at, most)
    at = read.end
    return read
  })
}

function varint(page: Uint8Array, from: number, most: number): Varint {
  let value = 0
  for (let at = from; at < Math.min(from + most, page.length); at++) {
    const byte = page[at] ?? 0
    value |= at < from + 5 ? (byte & 0x7f) << (7 * (at - from)) : 0
    if (byte < 0x80) return { value, end: at + 1 }
  }
  throw forged('a number in a page has no end')
}

function numberAt(page: Uint8Array, at: number): number {
  if (at + 4 > page.length) throw forged('a page is shorter than its values')
  return new DataView(page.buffer, page.byteOffset + at, 4).getUint32(0, true)
}

function structOf(fields: Fields, field: number): Fields {
  const struct = fields.get(field)
  if (!(struct instanceof Map)) throw forged('a page has no header of its type')
  return struct
}

function countOf(fields: Fields, field: number, most: number): number {
  const count = fields.get(field)
  if (typeof count !== 'number' || count < 0 || count > most)
    throw forged(`a page header says ${String(count)} where ${most} is the most`)
  return count
}
