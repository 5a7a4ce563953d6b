/**
 * Times as logs write them: seconds or milliseconds since the epoch as a number or in digits, or ISO 8601 with `Z`, `+00:00`,
 * `+0000` or nothing (then UTC). By hand, since `Date.parse` also takes what is no such time. Linear.
 */

/** From here on a number is milliseconds: as seconds it would be the year 5138. */
const MILLISECONDS = 1e11
/** 2286-11-20; nothing later is a log's time. */
const LAST = 1e10
/** Nothing that logs existed before 2001-09-09, and epoch 0 is a field that nobody set. */
const FIRST = 1e9

/** Seconds since the epoch, with fraction; `undefined` for what is no plausible time. */
export function secondsOf(value: unknown): number | undefined {
  let seconds: number | undefined
  if (typeof value === 'number') seconds = value >= MILLISECONDS ? value / 1000 : value
  else if (typeof value === 'string' && value.length <= 40) {
    const number = digits(value, 0, value.length)
    if (number === undefined) seconds = fromIso(value)
    else seconds = number >= MILLISECONDS ? number / 1000 : number
  }
  return seconds !== undefined && seconds >= FIRST && seconds < LAST ? seconds : undefined
}

function fromIso(text: string): number | undefined {
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 7)
  const day = digits(text, 8, 10)
  const hour = digits(text, 11, 13)
  const minute = digits(text, 14, 16)
  const second = digits(text, 17, 19)
  if (year === undefined || month === undefined || day === undefined) return undefined
  if (hour === undefined || minute === undefined || second === undefined) return undefined
  const separators = `${text[4]}${text[7]}${text[10] === ' ' ? 'T' : text[10]}${text[13]}${text[16]}`
  if (separators !== '--T::' || hour > 23 || minute > 59 || second > 60) return undefined
  let at = 19
  let fraction = 0
  if (text[at] === '.') {
    const from = ++at
    while (isDigit(text.charCodeAt(at))) at++
    if (at === from) return undefined
    fraction = Number(`0.${text.slice(from, at)}`)
  }
  const offset = offsetOf(text.slice(at))
  const date = Date.UTC(year, month - 1, day)
  if (offset === undefined || new Date(date).getUTCDate() !== day || month > 12) return undefined
  return date / 1000 + hour * 3600 + minute * 60 + second + fraction - offset
}

/** Seconds east of UTC. */
function offsetOf(text: string): number | undefined {
  if (text === '' || text === 'Z' || text === 'z') return 0
  if (text[0] !== '+' && text[0] !== '-') return undefined
  const hours = digits(text, 1, 3)
  const minutes = text.length === 3 ? 0 : digits(text, text[3] === ':' ? 4 : 3, text.length)
  if (hours === undefined || minutes === undefined || hours > 23 || minutes > 59) return undefined
  return (text[0] === '-' ? -1 : 1) * (hours * 3600 + minutes * 60)
}

function digits(text: string, from: number, to: number): number | undefined {
  if (to <= from || to > text.length) return undefined
  let value = 0
  for (let at = from; at < to; at++) {
    if (!isDigit(text.charCodeAt(at))) return undefined
    value = value * 10 + text.charCodeAt(at) - 48
  }
  return value
}

const isDigit = (code: number) => code >= 48 && code <= 57
