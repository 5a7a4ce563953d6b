import { createReadStream } from 'node:fs'
import { glob, open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { InputError, quoted, reasonOf } from '../../core/errors.ts'
import type { RangedFile } from '../../core/source.ts'

/** A log on disk, or standard input. */
export interface LogFile {
  readonly name: string
  /** Bytes on disk; `undefined` for standard input. */
  readonly size: number | undefined
}

const STDIN = '-'
const READ = 256 * 1024
/** Large, since each chunk crosses from zlib's thread to this one. */
const DECOMPRESSED = 256 * 1024

/** The pieces, each freed when the next is asked for. */
async function* lending(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    yield piece
    free(piece)
  }
}

/**
 * Frees what zlib wrote a piece into, once nobody looks at it any more. Waiting for the collector costs more than the
 * decompression: each piece is new memory, touched for the first time. Only a piece that ends where its memory ends is free:
 * zlib goes on writing behind any other (lib/zlib.js, processCallback).
 */
function free({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteOffset + byteLength === buffer.byteLength && byteLength > 0 && buffer instanceof ArrayBuffer)
    buffer.transfer(0)
}

/** The files that the arguments name, each once, in the order of their names within a pattern. @throws InputError */
export async function findFiles(patterns: readonly string[]): Promise<LogFile[]> {
  const files = new Map<string, LogFile>()
  for (const pattern of patterns)
    for (const name of pattern === STDIN ? [STDIN] : await matching(pattern))
      files.set(name, { name, size: name === STDIN ? undefined : await sizeOf(name) })
  return [...files.values()]
}

async function matching(pattern: string): Promise<string[]> {
  // A name may hold a bracket.
  if (await stat(pattern).catch(() => undefined)) return [pattern]
  const names: string[] = []
  for await (const one of glob(pattern, { withFileTypes: true }))
    if (one.isFile()) names.push(`${one.parentPath}/${one.name}`)
  if (names.length === 0) throw new InputError(`Cannot read ${quoted(pattern)}: there is no such file`)
  return names.sort()
}

async function sizeOf(name: string): Promise<number> {
  const found = await stat(name)
  if (found.isDirectory()) throw new InputError(`Cannot read ${quoted(name)}: it is a directory; name its files`)
  return found.size
}

type Encoding = 'plain' | 'gzip' | 'zstd' | 'parquet'

function encodingOf(head: Uint8Array): Encoding {
  const [a, b, c, d] = head
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  return Buffer.from(head.subarray(0, 4)).toString('latin1') === 'PAR1' ? 'parquet' : 'plain'
}

export interface Opened {
  readonly encoding: Encoding
  /** What the file holds, decompressed, in pieces; a piece is only lent until the next is asked for. */
  chunks(): AsyncIterable<Uint8Array>
}

/** Opens a file and tells from its first bytes how it is compressed. `onBytes`: bytes read of it, before decompression. */
export async function openFile(file: LogFile, onBytes: (count: number) => void): Promise<Opened> {
  const { head, stream } = file.name === STDIN ? await openInput() : await openPath(file.name)
  const encoding = encodingOf(head)
  return {
    encoding,
    chunks() {
      const raw = stream()
      raw.on('data', chunk => onBytes(chunk.length))
      raw.pause()
      if (encoding === 'plain' || encoding === 'parquet') return raw
      const expand =
        encoding === 'gzip'
          ? createGunzip({ chunkSize: DECOMPRESSED })
          : createZstdDecompress({ chunkSize: DECOMPRESSED })
      raw.on('error', error => expand.destroy(error))
      return lending(raw.pipe(expand))
    },
  }
}

async function openPath(name: string) {
  try {
    const handle = await open(name)
    const { buffer, bytesRead } = await handle.read({ buffer: new Uint8Array(4), position: 0 })
    await handle.close()
    return {
      head: buffer.subarray(0, bytesRead),
      stream: (): Readable => createReadStream(name, { highWaterMark: READ }),
    }
  } catch (cause) {
    throw new InputError(`Cannot read ${quoted(name)}: ${reasonOf(cause)}`, { cause })
  }
}

async function openInput() {
  const input = process.stdin[Symbol.asyncIterator]()
  const first = await input.next()
  const head: Uint8Array = first.done ? new Uint8Array() : first.value
  async function* all() {
    if (head.length > 0) yield head
    for (let next = await input.next(); !next.done; next = await input.next()) yield next.value
  }
  return { head, stream: () => Readable.from(all(), { objectMode: false, highWaterMark: READ }) }
}

/** A file that is read in ranges, as Parquet needs it. */
export async function rangedFile(
  { name, size }: LogFile,
  onBytes: (count: number) => void,
): Promise<RangedFile & { close(): Promise<void> }> {
  if (size === undefined) throw new InputError('Cannot read standard input: Parquet needs a file')
  const handle = await open(name)
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start))
      const { bytesRead } = await handle.read({ buffer: bytes, position: start })
      onBytes(bytesRead)
      return bytes.buffer.slice(0, bytesRead)
    },
    close: () => handle.close(),
  }
}
