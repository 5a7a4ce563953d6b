import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { InputError } from '../../core/errors.ts'

export const MAX_PAGE_BYTES = 64 * 1024 * 1024

const bounded = (length: number) => ({ maxOutputLength: Math.max(1, Math.min(length, MAX_PAGE_BYTES)) })

/** `length`: what the page's header says, which nothing may exceed. */
type Decompress = (bytes: Uint8Array, length: number) => Uint8Array

/** In place of the Parquet reader's own Snappy, which a literal of negative length sends round for ever (hyparquet 1.31, `snappy.js`). */
export const compressors = {
  SNAPPY: unsnap,
  GZIP: (bytes, length) => gunzipSync(bytes, bounded(length)),
  ZSTD: (bytes, length) => zstdDecompressSync(bytes, bounded(length)),
  BROTLI: (bytes, length) => brotliDecompressSync(bytes, bounded(length)),
} satisfies Record<string, Decompress>

const damaged = () => new InputError('Cannot read Parquet flow log: its Snappy is truncated or damaged')

/** Snappy's raw format (google/snappy, format_description.txt): literals, and copies of what was written. */
function unsnap(bytes: Uint8Array, length: number): Uint8Array {
  // A copy writes at most 64 bytes and takes three: no memory for what the bytes cannot say.
  if (length > 22 * bytes.length) throw damaged()
  const output = new Uint8Array(length)
  let at = 0
  let written = 0

  function little(size: number): number {
    let value = 0
    for (let read = 0; read < size; read++) {
      const byte = bytes[at++]
      if (byte === undefined) throw damaged()
      value += byte * 256 ** read
    }
    return value
  }

  // The length once more, as a varint.
  while ((bytes[at++] ?? 0) >= 0x80);
  while (at < bytes.length) {
    const tag = little(1)
    const high = tag >> 2
    if ((tag & 3) === 0) {
      const size = (high < 60 ? high : little(high - 59)) + 1
      if (size > bytes.length - at || size > length - written) throw damaged()
      output.set(bytes.subarray(at, at + size), written)
      at += size
      written += size
      continue
    }
    const size = (tag & 3) === 1 ? (high & 7) + 4 : high + 1
    const offset = (tag & 3) === 1 ? (tag >> 5) * 256 + little(1) : little((tag & 3) === 2 ? 2 : 4)
    if (offset === 0 || offset > written || size > length - written) throw damaged()
    if (offset >= size) output.copyWithin(written, written - offset, written - offset + size)
    else for (let copied = 0; copied < size; copied++) output[written + copied] = output[written + copied - offset] ?? 0
    written += size
  }
  if (written !== length) throw damaged()
  return output
}
