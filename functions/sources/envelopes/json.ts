import { InputError, quoted } from '../../core/errors.ts'

const OPEN_BRACE = 123
const OPEN_BRACKET = 91
const CLOSE_BRACE = 125
const CLOSE_BRACKET = 93
const QUOTE = 34
const BACKSLASH = 92

/** Our sources' records nest six deep. */
const MAX_DEPTH = 32

/**
 * Parses JSON whose nesting is bounded before anything is built. Of a key that stands twice the last value counts, as the
 * standard's own parser has it.
 * @throws InputError, which says what the text was.
 */
export function parseJson(text: string, what: string): unknown {
  if (isDeeper(text, MAX_DEPTH)) throw new InputError(`Cannot parse ${what}: it nests more than ${MAX_DEPTH} deep`)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new InputError(`Cannot parse ${what}: it is no JSON: ${quoted(text)}`, { cause })
  }
}

function isDeeper(text: string, most: number): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at++
      while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > most) return true
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
  }
  return false
}
