import { InputError, quoted } from '../../core/errors.ts'

/** For each character code what it is worth: 0 to 63, or 64 for what the alphabet lacks (RFC 4648, 4). */
const worth = new Uint8Array(128).fill(64)
for (const [value, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  worth[character.charCodeAt(0)] = value

/**
 * Decodes padded base64. Node's own decoder skips what it does not know, so that a damaged payload would be read as another.
 * @throws InputError that quotes where it goes wrong. Linear.
 */
export function fromBase64(text: string, what: string): Uint8Array {
  if (text.length % 4 !== 0)
    throw new InputError(`Cannot read ${what}: ${text.length} characters are no base64, which comes in fours`)
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const end = text.length - padding
  for (let at = 0; at < end; at++)
    if ((worth[text.charCodeAt(at)] ?? 64) === 64)
      throw new InputError(`Cannot read ${what}: no base64 at character ${at}: ${quoted(text.slice(at, at + 16))}`)
  const spare = padding === 2 ? 15 : padding === 1 ? 3 : 0
  if (((worth[text.charCodeAt(end - 1)] ?? 0) & spare) !== 0)
    throw new InputError(`Cannot read ${what}: its base64 ends within a byte`)
  return Buffer.from(text, 'base64')
}
