/** A name has at most 253 octets (RFC 1035, 2.3.4), and logs write one that is no letter in four characters: `\\032`. */
const LONGEST = 1012

/**
 * A name as rules compare it: lower case, without the final dot. `undefined` for what is none: empty, too long, with blanks or
 * control characters.
 */
export function nameOf(text: string | null | undefined): string | undefined {
  if (text === null || text === undefined || text.length > LONGEST + 1) return undefined
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase()
  if (name === '' || name.length > LONGEST) return undefined
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code <= 32 || code === 127) return undefined
  }
  return name
}
