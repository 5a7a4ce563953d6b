import { InputError, quoted } from '../../core/errors.ts'

const OPEN_BRACE = 123
const OPEN_BRACKET = 91
const CLOSE_BRACE = 125
const CLOSE_BRACKET = 93
const QUOTE = 34
const BACKSLASH = 92

const COMMA = 44

/** Our sources' records nest six deep. */
const MAX_DEPTH = 32
/** Half a million events of a log and more. Values of two bytes each would become many times the text in memory. */
const MAX_VALUES = 4_000_000

/**
 * Parses JSON whose nesting and number of values are bounded before anything is built. Of a key that stands twice the last value counts, as the
 * standard's own parser has it.
 * @throws InputError, which says what the text was.
 */
export function parseJson(text: string, what: string): unknown {
  const excess = excessOf(text)
  if (excess !== undefined) throw new InputError(`Cannot parse ${what}: ${excess}`)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new InputError(`Cannot parse ${what}: it is no JSON: ${quoted(text)}`, { cause })
  }
}

function excessOf(text: string): string | undefined {
  let depth = 0
  let values = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at++
      while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      values++
      if (++depth > MAX_DEPTH) return `it nests more than ${MAX_DEPTH} deep`
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
    else if (code === COMMA) values++
  }
  return values > MAX_VALUES ? `it holds more than ${MAX_VALUES} values` : undefined
}
