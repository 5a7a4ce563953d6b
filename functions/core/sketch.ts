import { deflateRawSync, inflateRawSync } from 'node:zlib'
import * as z from 'zod'
import { InputError, quoted, reasonOf } from './errors.ts'
import { hashAddress, hashWord } from './hash.ts'

/**
 * A table of cells in which each address has two, chosen by hash. Addresses share cells, so an answer drawn from the one that says
 * less errs to one side only. Split by the address's hash into shards, a row each.
 */
const SHARDS = 16
const ROWS = 2
const WIDTH = 1024
const SHARD_SEED = 101
const CELL_SEED = 103
const OTHER_SEED = 107

const SketchRow = z.object({ cells: z.instanceof(Uint8Array) })

export function shardOf(address: string): number {
  return hashAddress(address, SHARD_SEED) % SHARDS
}

/** Indices of the address's two cells. */
export function cellsOf(address: string): readonly [number, number] {
  return [hashAddress(address, CELL_SEED) % WIDTH, WIDTH + (hashAddress(address, OTHER_SEED) % WIDTH)]
}

/** The same for an IPv4 address as 32 bits. */
export function shardOfWord(word: number): number {
  return hashWord(word, SHARD_SEED) % SHARDS
}

export function cellsOfWord(word: number): readonly [number, number] {
  return [hashWord(word, CELL_SEED) % WIDTH, WIDTH + (hashWord(word, OTHER_SEED) % WIDTH)]
}

/** `words`: 32-bit words a cell. */
function newCells(words: number): Uint32Array {
  return new Uint32Array(ROWS * WIDTH * words)
}

/** The cells of a row, or empty ones where there is none. Throws `InputError` on what no sketch wrote. */
export function readCells(value: unknown, words: number): Uint32Array {
  const cells = newCells(words)
  if (value === undefined) return cells
  const parsed = SketchRow.safeParse(value)
  if (!parsed.success) throw new InputError(`Cannot read a sketch: ${quoted(z.prettifyError(parsed.error))}`)
  let bytes: Uint8Array
  try {
    bytes = inflateRawSync(parsed.data.cells, { maxOutputLength: cells.byteLength })
  } catch (cause) {
    throw new InputError(`Cannot read a sketch: ${reasonOf(cause)}`, { cause })
  }
  if (bytes.length !== cells.byteLength) throw new InputError(`Cannot read a sketch: it has ${bytes.length} bytes`)
  new Uint8Array(cells.buffer).set(bytes)
  return cells
}

/** Compressed, since most cells of most rows are empty and a write is paid by the kilobyte. */
export function cellsRow(cells: Uint32Array): z.infer<typeof SketchRow> {
  return { cells: deflateRawSync(new Uint8Array(cells.buffer, cells.byteOffset, cells.byteLength)) }
}
