import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { InputError } from '../../core/errors.ts'

/** How the bytes of a file of lines stand in it. */
export type Encoding = 'plain' | 'gzip' | 'zstd'

/**
 * Opens a file as its bytes come, never holding more than some chunks of it. What fails in `chunks` comes out as it is.
 * @throws InputError for what is truncated, damaged, not of that encoding or larger than `most` bytes, once it is reached.
 */
export async function* decompressed(
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  most: number,
  what: string,
): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of opened(chunks, encoding, what)) {
    size += chunk.byteLength
    if (size > most) throw new InputError(`Cannot read ${what}: it has more than ${most} bytes`)
    yield chunk
  }
}

async function* opened(
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  what: string,
): AsyncGenerator<Uint8Array> {
  if (encoding === 'plain') {
    yield* chunks
    return
  }
  const decoder = encoding === 'gzip' ? createGunzip() : createZstdDecompress()
  const ending = pipeline(Readable.from(chunks), decoder)
  // Whoever reads the decoder meets the failure; unheard here, it would end the function.
  ending.catch(() => {})
  try {
    yield* decoder
  } catch (cause) {
    if (!isDamage(cause)) throw cause
    throw new InputError(`Cannot read ${what}: its ${encoding} is truncated or damaged (${cause.code})`, { cause })
  }
}

/** As zlib names what is wrong with its input: Z_DATA_ERROR, Z_BUF_ERROR, ZSTD_error_prefix_unknown. */
function isDamage(thrown: unknown): thrown is Error & { readonly code: string } {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return false
  return thrown.code.startsWith('Z_') || thrown.code.startsWith('ZSTD_') || thrown.code.startsWith('ERR_ZSTD')
}
