import { InputError } from './errors.ts'

/** Integers and texts in few bytes: LEB128 for non-negative integers up to 2^53, UTF-8 with its length before it. */
export interface Packer {
  number(value: number): void
  text(value: string): void
  bytes(value: Uint8Array): void
  done(): Uint8Array
}

export function packer(): Packer {
  let buffer = new Uint8Array(4096)
  let length = 0
  const encoder = new TextEncoder()
  function room(needed: number): void {
    if (length + needed <= buffer.length) return
    const larger = new Uint8Array(Math.max(buffer.length * 2, length + needed))
    larger.set(buffer.subarray(0, length))
    buffer = larger
  }
  function number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Cannot pack ${value}: it is no count`)
    room(8)
    let rest = value
    // Bit operations stop at 32 bits; sums of bytes do not.
    while (rest >= 0x80) {
      buffer[length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    buffer[length++] = rest
  }
  function bytes(value: Uint8Array): void {
    number(value.length)
    room(value.length)
    buffer.set(value, length)
    length += value.length
  }
  return { number, bytes, text: value => bytes(encoder.encode(value)), done: () => buffer.slice(0, length) }
}

export interface Unpacker {
  number(): number
  /** A number that says how many things follow; each takes at least a byte, so more than are left is corruption. */
  count(): number
  text(): string
  bytes(): Uint8Array
  /** Throws where bytes are left over. */
  end(): void
}

/** Throws `InputError` on bytes that no packer wrote. */
export function unpacker(packed: Uint8Array): Unpacker {
  let at = 0
  const decoder = new TextDecoder('utf-8', { fatal: true })
  function corrupt(what: string): InputError {
    return new InputError(`Cannot unpack state: ${what} at byte ${at} of ${packed.length}`)
  }
  function number(): number {
    let value = 0
    let scale = 1
    for (let taken = 0; taken < 8; taken++) {
      const byte = packed[at]
      if (byte === undefined) throw corrupt('it ends')
      at++
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw corrupt('a number is beyond 2^53')
        return value
      }
      scale *= 0x80
    }
    throw corrupt('a number does not end')
  }
  function count(): number {
    const value = number()
    if (value > packed.length - at) throw corrupt(`${value} things are said to follow`)
    return value
  }
  function bytes(): Uint8Array {
    const length = count()
    at += length
    return packed.slice(at - length, at)
  }
  function text(): string {
    try {
      return decoder.decode(bytes())
    } catch (cause) {
      if (cause instanceof InputError) throw cause
      throw corrupt('a text is not UTF-8')
    }
  }
  return {
    number,
    count,
    text,
    bytes,
    end: () => {
      if (at !== packed.length) throw corrupt('bytes are left over')
    },
  }
}

/** In one order whatever came first, so that the same state gives the same bytes. */
export function sorted<T>(map: ReadonlyMap<string, T>): T[] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
}

export function oneOf<T>(values: readonly T[], at: number): T {
  const value = values[at]
  if (value === undefined) throw new InputError(`Cannot unpack state: there is no choice ${at}`)
  return value
}
