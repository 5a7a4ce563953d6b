import type { Random } from '../../functions/sandbox/scenario/random.ts'

/** Real lines and records, damaged: what is nearly right finds more than noise. */

/** Values that stand where others belong: the edges of numbers, times and addresses, and what tools trip over. */
export const edges: readonly string[] = [
  ...['', '-', ' ', '0', '-0', '-1', '+1', '01', '1.5', '1e3', '1e999', 'NaN', 'Infinity', '0x10', 'null', 'true'],
  ...['65535', '65536', '4294967296', '9007199254740991', '9007199254740993', '18446744073709551616', '9'.repeat(400)],
  ...['999999999', '1000000000', '9999999999', '10000000000', '1795000000000', '1795000000000000000'],
  ...['1970-01-01T00:00:00Z', '2026-02-30T00:00:00Z', '2026-11-18T11:06:40.999999999Z', '2262-01-01T00:00:00+23:59'],
  ...[
    '::ffff:10.0.1.20',
    '::ffff:0a00:0114',
    '::',
    '::1',
    'fe80::1%eth0',
    '0.0.0.0',
    '010.0.0.1',
    '256.1.1.1',
    '1.2.3',
  ],
  ...['64:ff9b::a00:114', '2001:db8::1:', '10.0.1.20/32', '10.0.1.20 ', 'localhost', `${':'.repeat(45)}`],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'eni-0000000000000000f', 'i-0', 'i-', 'unknown'],
  ...['\0', '\u0007', '\u007f', '\r', '\n', '\t', '\u2028', '\ufeff', '\ud800', 'é', '𝕏', '\u202eTPECCA', '\\', '"'],
  ...['<script>', '$' + '{srcaddr}', 'srcaddr', 'x'.repeat(300), 'a.'.repeat(200), '\\032'.repeat(80)],
]

export function oneOf<T>(random: Random, list: readonly T[]): T {
  const found = list[random.whole(0, list.length - 1)]
  if (found === undefined) throw new Error('Cannot pick from an empty list')
  return found
}

const SEPARATORS = new Set(' ,:"{}[]\n')

/** The bounds of the token at a random place. */
function token(text: string, random: Random): readonly [number, number] {
  let from = random.whole(0, text.length)
  let to = from
  while (from > 0 && !SEPARATORS.has(text[from - 1] ?? ' ')) from--
  while (to < text.length && !SEPARATORS.has(text[to] ?? ' ')) to++
  return [from, to]
}

type Edit = (text: string, random: Random, others: readonly string[]) => string

const editsOfText: readonly Edit[] = [
  (text, random) => {
    const [from, to] = token(text, random)
    return text.slice(0, from) + oneOf(random, edges) + text.slice(to)
  },
  // A field twice, a field less.
  (text, random) => {
    const [from, to] = token(text, random)
    return `${text.slice(0, to)}${text[to] ?? ' '}${text.slice(from)}`
  },
  (text, random) => {
    const [from, to] = token(text, random)
    return text.slice(0, from) + text.slice(to + random.whole(0, 1))
  },
  // Two fields change places: times go backwards, ports become addresses.
  (text, random) => {
    const [a, b] = [token(text, random), token(text, random)].toSorted(([x], [y]) => x - y)
    if (!a || !b || a[1] > b[0]) return text
    return (
      text.slice(0, a[0]) + text.slice(b[0], b[1]) + text.slice(a[1], b[0]) + text.slice(a[0], a[1]) + text.slice(b[1])
    )
  },
  (text, random) => {
    const [from, to] = token(text, random)
    const number = Number(text.slice(from, to))
    if (!Number.isFinite(number)) return text
    return text.slice(0, from) + String(number + oneOf(random, [-1, 1, -3600, 1e9, -1e9, 2 ** 53])) + text.slice(to)
  },
  (text, random) => text.slice(0, random.whole(0, text.length)),
  (text, random) => text.slice(random.whole(0, text.length)),
  (text, random, others) => {
    const other = oneOf(random, others)
    return text.slice(0, random.whole(0, text.length)) + other.slice(random.whole(0, other.length))
  },
  (text, random) => {
    const at = random.whole(0, text.length)
    return text.slice(0, at) + oneOf(random, edges) + text.slice(at)
  },
  (text, random) => {
    const at = random.whole(0, text.length)
    const piece = text.slice(at, at + random.whole(1, 40))
    const times = random.next() < 0.02 ? random.whole(100, 4000) : random.whole(1, 20)
    return text.slice(0, at) + piece.repeat(times) + text.slice(at)
  },
]

export function mutateText(text: string, random: Random, others: readonly string[]): string {
  let mutated = text
  for (let left = random.whole(1, 4); left > 0; left--) mutated = oneOf(random, editsOfText)(mutated, random, others)
  return mutated
}

const SCARS: readonly (readonly number[])[] = [
  [0xff],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xe2, 0x82],
]

/** Bits flipped, and bytes that are no UTF-8. */
export function mutateBytes(given: Uint8Array, random: Random): Uint8Array {
  const bytes = Uint8Array.from(given)
  for (let left = random.whole(0, 3); left > 0 && bytes.length > 0; left--) {
    const at = random.whole(0, bytes.length - 1)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.whole(0, 7))
  }
  if (random.next() < 0.8) return bytes
  const at = random.whole(0, bytes.length)
  return Buffer.concat([bytes.subarray(0, at), Uint8Array.from(oneOf(random, SCARS)), bytes.subarray(at)])
}

/** The bytes, cut anywhere, as a stream hands them on. */
export function cutAnywhere(bytes: Uint8Array, random: Random): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let from = 0
  while (from < bytes.length) {
    const to = Math.min(bytes.length, from + (random.next() < 0.3 ? random.whole(1, 8) : random.whole(1, 4000)))
    chunks.push(bytes.subarray(from, to))
    from = to
  }
  return chunks
}
