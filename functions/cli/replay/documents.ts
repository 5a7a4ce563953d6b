/** The JSON documents of a text one after the other, with or without blanks between; what stands between is a part too. */
export function documentsIn(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE && depth > 0) {
      at++
      while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (depth === 0 && code === OPEN_BRACE) {
        parts.push(text.slice(start, at))
        start = at
      }
      depth++
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth = Math.max(0, depth - 1)
      if (depth === 0) {
        parts.push(text.slice(start, at + 1))
        start = at + 1
      }
    }
  }
  parts.push(text.slice(start))
  return parts.filter(part => part.trim() !== '')
}

const QUOTE = 34
const BACKSLASH = 92
const OPEN_BRACE = 123
const OPEN_BRACKET = 91
const CLOSE_BRACE = 125
const CLOSE_BRACKET = 93
