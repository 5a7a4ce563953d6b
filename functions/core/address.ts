import { ConfigurationError, quoted } from './errors.ts'

/**
 * IP addresses as text. Canonical is dotted IPv4 and IPv6 as in RFC 5952; an IPv4-mapped IPv6 address is its IPv4 address
 * (RFC 4291, 2.5.5.2), since the same peer must not be two conversations. All of it is linear in the text's length.
 */

/** A range of one family. Host bits of `words` are zero. */
export interface Cidr {
  readonly family: 4 | 6
  readonly prefix: number
  /** 32 bits each: one for IPv4, four for IPv6. */
  readonly words: readonly number[]
}

/** The longest form: eight groups, the last two dotted (INET6_ADDRSTRLEN in RFC 3493, less the zero byte). */
const LONGEST = 45
const ZERO = 48
const NINE = 57
const DOT = 46
const COLON = 58

/** The canonical text of an address, or `undefined` for anything else: leading zeros, zone ids, ranges, names. */
export function canonicalAddress(text: string): string | undefined {
  if (ipv4(text, 0) >= 0) return text
  const groups = ipv6(text)
  if (!groups) return undefined
  return isMapped(groups) ? dotted(groups) : shortest(groups)
}

/** Reads `address/prefix`, or a single address as a range of one. Host bits are cleared; `undefined` for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const base = wordsOf(slash < 0 ? text : text.slice(0, slash))
  if (!base) return undefined
  const bits = base.length * 32
  const given = slash < 0 ? undefined : prefixOf(text.slice(slash + 1))
  if (slash >= 0 && given === undefined) return undefined
  const written = text.includes(':') ? 128 : 32
  // A mapped range (::ffff:10.0.0.0/104) counts its prefix from the 96 bits before the IPv4 address.
  const prefix = given === undefined ? bits : given - (written - bits)
  if (prefix < 0 || prefix > bits) return undefined
  return { family: bits === 32 ? 4 : 6, prefix, words: base.map((word, i) => masked(word, prefix - 32 * i)) }
}

/** Whether the range holds the address; false for what is no address. */
export function contains(cidr: Cidr, address: string): boolean {
  const words = wordsOf(address)
  if (!words || words.length !== cidr.words.length) return false
  return words.every((word, i) => masked(word, cidr.prefix - 32 * i) === cidr.words[i])
}

/**
 * A test for membership in any of the ranges, by binary search.
 * @throws ConfigurationError for a text that is no range: a silently dropped line of an allow-list is a cut too many.
 */
export function compileRanges(ranges: readonly string[]): (address: string) => boolean {
  const parsed = ranges.map(text => {
    const cidr = parseCidr(text)
    if (!cidr)
      throw new ConfigurationError(`Cannot use address range: ${quoted(text)} is neither an address nor a CIDR`)
    return cidr
  })
  const four = sortedRanges(parsed.filter(({ family }) => family === 4))
  const six = sortedRanges(parsed.filter(({ family }) => family === 6))
  return address => {
    const words = wordsOf(address)
    return words !== undefined && holds(words.length === 1 ? four : six, words)
  }
}

/**
 * Not global unicast, from the IANA special-purpose registries (RFC 6890 and its updates, read 2026-11). The documentation
 * ranges (RFC 5737, RFC 3849) are left out on purpose: nothing real uses them, and examples and drills need an outside.
 */
const INSIDE = [
  '0.0.0.0/8', // this network, RFC 791
  '10.0.0.0/8', // private, RFC 1918
  '100.64.0.0/10', // carrier-grade NAT, RFC 6598; VPCs use it too
  '127.0.0.0/8', // loopback, RFC 1122
  '169.254.0.0/16', // link-local, RFC 3927; metadata, resolver and time of the clouds
  '172.16.0.0/12', // private, RFC 1918
  '192.0.0.0/24', // IETF protocol assignments, RFC 6890
  '192.168.0.0/16', // private, RFC 1918
  '198.18.0.0/15', // benchmarking, RFC 2544
  '224.0.0.0/4', // multicast, RFC 5771
  '240.0.0.0/4', // reserved, RFC 1112, and limited broadcast, RFC 919
  '::/96', // unspecified, loopback, and the deprecated IPv4-compatible form, RFC 4291
  '64:ff9b:1::/48', // local-use translation, RFC 8215
  '100::/64', // discard-only, RFC 6666
  '5f00::/16', // segment routing, RFC 9602
  'fc00::/7', // unique local, RFC 4193
  'fe80::/9', // link-local, RFC 4291, and the deprecated site-local, RFC 3879
  'ff00::/8', // multicast, RFC 4291
]
const inside = compileRanges(INSIDE)

/** First and last word of each range of IPv4, by turns. */
const insideWords = Uint32Array.from(
  INSIDE.flatMap(text => {
    const { words: [first = 0, ...more] = [], prefix = 0 } = parseCidr(text) ?? {}
    return more.length > 0 ? [] : [first, first + 2 ** (32 - prefix) - 1]
  }),
)

const translated = compileRanges(['64:ff9b::/96'])

/** An IPv4 address as 32 bits; -1 for anything else. */
export function wordOfAddress(text: string): number {
  return ipv4(text, 0)
}

/** `isExternal` for an IPv4 address as 32 bits. */
export function isExternalWord(word: number): boolean {
  for (let at = 0; at < insideWords.length; at += 2)
    if (word >= (insideWords[at] ?? 0) && word <= (insideWords[at + 1] ?? 0)) return false
  return true
}

/** Whether the address is one out on the internet. False for what is no address. */
export function isExternal(address: string): boolean {
  const words = wordsOf(address)
  if (!words) return false
  // NAT64 (RFC 6052) carries the real destination in its last 32 bits.
  const last = words[3]
  if (last !== undefined && translated(address)) return !inside(addressOfWord(last))
  return !inside(address)
}

/** The address as 32-bit words, IPv4-mapped as IPv4. */
function wordsOf(text: string): number[] | undefined {
  const four = ipv4(text, 0)
  if (four >= 0) return [four]
  const groups = ipv6(text)
  if (!groups) return undefined
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups
  const last = g * 65536 + h
  return isMapped(groups) ? [last] : [a * 65536 + b, c * 65536 + d, e * 65536 + f, last]
}

/** The dotted address that begins at `from` and ends the text, as a number; -1 where there is none. */
function ipv4(text: string, from: number): number {
  const length = text.length - from
  if (length < 7 || length > 15) return -1
  let value = 0
  let octet = -1
  let dots = 0
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (octet < 0 || ++dots > 3) return -1
      value = value * 256 + octet
      octet = -1
    } else if (code >= ZERO && code <= NINE) {
      // A leading zero may mean octal elsewhere (RFC 6943, 3.1.1), so that two readers would see two addresses.
      if (octet === 0) return -1
      octet = octet < 0 ? code - ZERO : octet * 10 + code - ZERO
      if (octet > 255) return -1
    } else return -1
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1
}

/** Eight groups of 16 bits. */
function ipv6(text: string): number[] | undefined {
  if (text.length < 2 || text.length > LONGEST) return undefined
  const groups: number[] = []
  let gap = -1
  let i = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined
    gap = 0
    i = 2
  }
  while (i < text.length) {
    if (groups.length === 8) return undefined
    const start = i
    let group = 0
    while (i < text.length) {
      const digit = hex(text.charCodeAt(i))
      if (digit < 0) break
      group = group * 16 + digit
      i++
    }
    if (i < text.length && text.charCodeAt(i) === DOT) {
      const tail = ipv4(text, start)
      if (tail < 0 || groups.length > 6) return undefined
      groups.push(Math.floor(tail / 65536), tail % 65536)
      break
    }
    if (i === start || i - start > 4) return undefined
    groups.push(group)
    if (i === text.length) break
    if (text.charCodeAt(i++) !== COLON) return undefined
    if (i === text.length) return undefined
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return undefined
      gap = groups.length
      i++
    }
  }
  if (gap < 0) return groups.length === 8 ? groups : undefined
  if (groups.length > 7) return undefined
  return groups.toSpliced(gap, 0, ...new Array<number>(8 - groups.length).fill(0))
}

function hex(code: number): number {
  if (code >= ZERO && code <= NINE) return code - ZERO
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

function isMapped(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.every((group, i) => i > 4 || group === 0)
}

function dotted(groups: readonly number[]): string {
  const [, , , , , , high = 0, low = 0] = groups
  return addressOfWord(high * 65536 + low)
}

/** The dotted text of an IPv4 address given as 32 bits. */
export function addressOfWord(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`
}

/** RFC 5952, 4.2: the longest run of at least two zero groups, the first of equals, becomes `::`. */
function shortest(groups: readonly number[]): string {
  let from = 0
  let length = 1
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > length) {
      from = start
      length = end - start
    }
  }
  const text = (part: readonly number[]) => part.map(group => group.toString(16)).join(':')
  return length < 2 ? text(groups) : `${text(groups.slice(0, from))}::${text(groups.slice(from + length))}`
}

function prefixOf(text: string): number | undefined {
  if (text.length < 1 || text.length > 3 || (text.length > 1 && text.startsWith('0'))) return undefined
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < ZERO || code > NINE) return undefined
    value = value * 10 + code - ZERO
  }
  return value
}

/** The first `bits` bits of a word; all for 32 and more, none for 0 and less. */
function masked(word: number, bits: number): number {
  if (bits >= 32) return word
  return bits <= 0 ? 0 : (word & (-1 << (32 - bits))) >>> 0
}

/** First and last address of each range, in order. Ranges are nested or disjoint, so a nested one only has to be dropped. */
interface SortedRanges {
  readonly first: readonly (readonly number[])[]
  readonly last: readonly (readonly number[])[]
}

function sortedRanges(cidrs: readonly Cidr[]): SortedRanges {
  const first: (readonly number[])[] = []
  const last: number[][] = []
  for (const cidr of cidrs.toSorted((a, b) => compare(a.words, b.words) || a.prefix - b.prefix)) {
    const before = last.at(-1)
    if (before && compare(cidr.words, before) <= 0) continue
    first.push(cidr.words)
    last.push(cidr.words.map((word, i) => (word | ~masked(0xffffffff, cidr.prefix - 32 * i)) >>> 0))
  }
  return { first, last }
}

function holds({ first, last }: SortedRanges, words: readonly number[]): boolean {
  let low = 0
  let high = first.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const start = first[middle]
    if (start && compare(start, words) <= 0) low = middle + 1
    else high = middle
  }
  const end = last[low - 1]
  return end !== undefined && compare(words, end) <= 0
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
