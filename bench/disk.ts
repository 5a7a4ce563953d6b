import { tmpdir } from 'node:os'
import { InputError, quoted, reasonOf } from '../functions/core/errors.ts'

/** Makes something below TMPDIR. @throws InputError where there is no room or no way to write. */
export async function onDisk<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EACCES' && code !== 'EROFS' && code !== 'ENOENT')
      throw cause
    throw new InputError(
      `Cannot write below ${quoted(tmpdir())}: ${reasonOf(cause)}; set TMPDIR to a directory with room`,
      { cause },
    )
  }
}
