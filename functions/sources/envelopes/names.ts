/** A name has at most 255 octets on the wire, so 253 in text (RFC 1035, 2.3.4); a log writes one that is no letter as `\\032`. */
const MOST_OCTETS = 253
/** The text of those 253, each of them escaped. */
const MOST_TEXT = 4 * MOST_OCTETS
/** What the engine keeps of a name. */
const KEPT = 255

/**
 * A name as rules compare it: lower case, without the final dot, and of one whose escapes make it longer than 255 characters
 * the last 255: rules read it from its end, and what an encoder put in front stays as long and as random. `undefined` for
 * what is none: empty, of more octets than a name can have, with blanks or control characters.
 */
export function nameOf(text: string | null | undefined): string | undefined {
  if (text === null || text === undefined || text.length > MOST_TEXT + 1) return undefined
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase()
  if (name === '' || octetsOf(name) > MOST_OCTETS) return undefined
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code <= 32 || code === 127) return undefined
  }
  return name.slice(-KEPT)
}

/** Whether it is longer than any name, which no client can ask for and no server can be called. */
export function isTooLong(text: string): boolean {
  return text.length > MOST_TEXT + 1 || octetsOf(text.endsWith('.') ? text.slice(0, -1) : text) > MOST_OCTETS
}

function octetsOf(text: string): number {
  let octets = 0
  for (let at = 0; at < text.length; octets++) at += text[at] === '\\' && isDigits(text, at + 1, at + 4) ? 4 : 1
  return octets
}

function isDigits(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    if (!(code >= 48 && code <= 57)) return false
  }
  return true
}
