import { gunzipSync } from 'node:zlib'
import { InputError } from '../../core/errors.ts'

/**
 * Decompresses gzip into at most `most` bytes.
 * @throws InputError for what is truncated, damaged, no gzip or larger: a bomb costs no more than `most` bytes.
 */
export function gunzip(bytes: Uint8Array, most: number, what: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: most })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new InputError(`Cannot read ${what}: it decompresses to more than ${most} bytes`, { cause })
    const why = code === 'Z_BUF_ERROR' ? 'its gzip is truncated' : 'it is no gzip or damaged'
    throw new InputError(`Cannot read ${what}: ${why}`, { cause })
  }
}
