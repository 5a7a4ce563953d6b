import { canonicalAddress } from '../../core/address.ts'

/**
 * Strings made once: a log repeats its interfaces, accounts and addresses, so bytes are looked up before a string is made of
 * them. Direct-mapped tables of fixed size: whatever the log says, memory is bounded and a miss costs one string.
 */
export interface Strings {
  /** The dotted text of an IPv4 address given as 32 bits. */
  ipv4(word: number): string
  /** The canonical text of the address in the bytes, or `undefined` where they are none. */
  address(bytes: Uint8Array, from: number, to: number): string | undefined
  /** Printable ASCII as it stands, or `undefined` for anything else and for more than 64 characters. */
  text(bytes: Uint8Array, from: number, to: number): string | undefined
  /** A number for an interface, its place in `interfaces`; -1 when there are too many. */
  interface(id: string): number
  readonly interfaces: readonly string[]
}

const IPV4_BITS = 15
const TEXT_BITS = 12
const MAX_TEXT = 64
/** A log that is made up may name interfaces without end. */
const MAX_INTERFACES = 65_536

const octets = Array.from({ length: 256 }, (_, octet) => String(octet))
const dotted = Array.from({ length: 256 }, (_, octet) => `${octet}.`)

export function createStrings(): Strings {
  const words = new Uint32Array(1 << IPV4_BITS)
  const addresses = new Array<string>(1 << IPV4_BITS).fill('0.0.0.0')
  const texts = new Array<string>(1 << TEXT_BITS).fill('')
  const written = new Array<string>(1 << TEXT_BITS).fill('')
  const canonical = new Array<string | undefined>(1 << TEXT_BITS).fill(undefined)

  function ipv4(word: number): string {
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - IPV4_BITS)
    if (words[slot] === word) return addresses[slot] ?? ''
    const text = `${dotted[word >>> 24]}${dotted[(word >>> 16) & 255]}${dotted[(word >>> 8) & 255]}${octets[word & 255]}`
    words[slot] = word
    addresses[slot] = text
    return text
  }

  const interfaces: string[] = []
  const numbers = new Map<string, number>()
  let lastInterface = ''
  let lastNumber = -1

  return {
    ipv4,
    interfaces,
    interface(id) {
      // Neighbouring records are mostly of one.
      if (id === lastInterface) return lastNumber
      let number = numbers.get(id) ?? -1
      if (number < 0 && interfaces.length < MAX_INTERFACES) {
        number = interfaces.push(id) - 1
        numbers.set(id, number)
      }
      lastInterface = id
      lastNumber = number
      return number
    },
    text(bytes, from, to) {
      const slot = slotOf(bytes, from, to)
      if (slot < 0) return undefined
      const known = texts[slot] ?? ''
      if (same(bytes, from, to, known)) return known
      const text = ascii(bytes, from, to)
      if (!isPrintable(text)) return undefined
      texts[slot] = text
      return text
    },
    address(bytes, from, to) {
      const slot = slotOf(bytes, from, to)
      if (slot < 0) return undefined
      if (same(bytes, from, to, written[slot] ?? '')) return canonical[slot]
      const text = ascii(bytes, from, to)
      written[slot] = text
      canonical[slot] = canonicalAddress(text)
      return canonical[slot]
    },
  }
}

/** The slot of a text, from its last bytes, in which identifiers differ; -1 where it is empty or too long. */
function slotOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  if (length === 0 || length > MAX_TEXT) return -1
  let value = length
  for (let at = length > 8 ? to - 8 : from; at < to; at++) value = (Math.imul(value, 31) + (bytes[at] ?? 0)) | 0
  return Math.imul(value, 0x9e3779b1) >>> (32 - TEXT_BITS)
}

function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code <= 32 || code >= 127) return false
  }
  return true
}

function same(bytes: Uint8Array, from: number, to: number, text: string): boolean {
  if (text.length !== to - from) return false
  for (let at = from, i = 0; at < to; at++, i++) if (bytes[at] !== text.charCodeAt(i)) return false
  return true
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to))
}
