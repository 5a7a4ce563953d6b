/**
 * Text for a person. Whatever came from outside goes through `plain` first, once, before either output escapes it in its own way.
 */

/**
 * Controls (C0, C1), line and paragraph separators, and what is invisible or reorders text: soft hyphen, Arabic letter mark,
 * Mongolian vowel separator, zero-width and bidirectional controls, invisible operators, interlinear marks, tag characters
 * (Unicode 16: General_Category Cc, Cf, Zl, Zp), lone surrogates, and the fillers that render as nothing.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u115f\u1160\u3164\uffa0]/gu

/** One line in which every character can be seen: white space becomes a space, the unseen is named, `‹U+202E›`. */
export function plain(text: string): string {
  return text
    .replaceAll(/[\t\n\r]+/g, ' ')
    .replaceAll(UNSEEN, one => `‹U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}›`)
    .trim()
}

/** The text, or its beginning with a mark that more followed. Never cuts a character in two. */
export function shortened(text: string, length: number): string {
  const characters = text.length <= length ? undefined : Array.from(text.slice(0, (length + 1) * 2))
  return characters && characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : text
}

function isoOf(milliseconds: number): string | undefined {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** `2026-11-24 02:13:07 UTC`. */
export function timeOf(milliseconds: number): string {
  const iso = isoOf(milliseconds)
  return iso ? `${iso.slice(0, -5).replace('T', ' ')} UTC` : 'at an unknown time'
}

/** `02:13:07`, in UTC. */
export function clockOf(milliseconds: number): string {
  return isoOf(milliseconds)?.slice(-13, -5) ?? '??:??:??'
}

/** `2026-11-24`, in UTC. */
export function dayOf(milliseconds: number): string {
  return isoOf(milliseconds)?.slice(0, -14) ?? 'unknown day'
}

/** `420 ms`, `4.2 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. */
export function durationOf(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000
  if (!Number.isFinite(seconds)) return 'an unknown time'
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 59.95) return `${trimmed(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  if (minutes < 48 * 60) return joined(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
  const hours = Math.round(minutes / 60)
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function joined(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major} ${majorUnit}` : `${major} ${majorUnit} ${minor} ${minorUnit}`
}

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB', 'EB']

/** Decimal units, as in flow-log and billing figures: `0 B`, `4.3 kB`, `12.8 MB`. */
export function bytesOf(bytes: number): string {
  if (!Number.isFinite(bytes)) return '? B'
  if (Math.abs(bytes) < 1000) return `${Math.round(bytes)} B`
  let value = bytes
  let unit = -1
  while (Math.abs(value) >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${trimmed(value)} ${UNITS[unit]}`
}

function trimmed(value: number): string {
  return Math.abs(value) < 99.95 ? value.toFixed(1).replace('.0', '') : value.toFixed(0)
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMPv6',
}

export function protocolOf(protocol: number): string {
  return PROTOCOLS[protocol] ?? `protocol ${protocol}`
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly string[]): string {
  const last = items.at(-1) ?? ''
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`
}

/** `1 finding`, `3 findings`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

export function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
