import { InputError } from '../../core/errors.ts'

/**
 * Thrift's compact protocol as Parquet writes its metadata and page headers in it (thrift-compact-protocol.md), read before the
 * Parquet reader is given the same bytes: it takes lengths of lists on trust, and varints without end.
 */

/** Numbers and nested structs by their field; lists and texts are passed over. */
export type Fields = ReadonlyMap<number, number | Fields>

export interface ThriftLimits {
  /** Structs and elements of lists: each costs the reader an object. */
  readonly elements: number
  readonly depth: number
}

const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12]

const corrupt = (why: string) => new InputError(`Cannot read Parquet flow log: ${why}`)

/** Reads one struct; `end` is where it ends. Linear in its bytes. Throws InputError for what is none or is beyond the limits. */
export function readStruct(
  bytes: Uint8Array,
  from: number,
  limits: ThriftLimits,
): { readonly fields: Fields; readonly end: number } {
  let at = from
  let elements = 0

  function byte(): number {
    const value = bytes[at]
    if (value === undefined) throw corrupt('its metadata ends too early')
    at++
    return value
  }

  /** As 32 bits, like the reader; a 64-bit one may be cut so, since none that is asked for needs more. */
  function varint(most: number): number {
    let value = 0
    for (let read = 0; read < most; read++) {
      const next = byte()
      value |= read < 5 ? (next & 0x7f) << (7 * read) : 0
      if (next < 0x80) return value
    }
    throw corrupt('a number in its metadata has no end')
  }

  function zigzag(most: number): number {
    const value = varint(most)
    return (value >>> 1) ^ -(value & 1)
  }

  function count(): void {
    elements++
    if (elements > limits.elements) throw corrupt(`its metadata has more than ${limits.elements} elements`)
  }

  function element(type: number, depth: number): number | Fields | undefined {
    switch (type) {
      case BYTE:
        byte()
        return undefined
      case I16:
      case I32:
        return zigzag(5)
      case I64:
        return zigzag(10)
      case DOUBLE:
        at += 8
        return undefined
      case BINARY: {
        const length = varint(5)
        if (length < 0 || length > bytes.length - at) throw corrupt('a text in its metadata is longer than it')
        at += length
        return undefined
      }
      case LIST:
        list(depth + 1)
        return undefined
      case STRUCT:
        return struct(depth + 1)
      default:
        throw corrupt(`its metadata has a field of type ${type}`)
    }
  }

  function list(depth: number): void {
    if (depth > limits.depth) throw corrupt('its metadata nests too deep')
    const head = byte()
    const size = head >> 4 === 15 ? varint(5) : head >> 4
    // Each element takes a byte at least.
    if (size < 0 || size > bytes.length - at) throw corrupt('a list in its metadata is longer than it')
    const type = head & 15
    for (let left = size; left > 0; left--) {
      count()
      element(type === TRUE || type === FALSE ? BYTE : type, depth)
    }
  }

  function struct(depth: number): Fields {
    if (depth > limits.depth) throw corrupt('its metadata nests too deep')
    count()
    const fields = new Map<number, number | Fields>()
    for (let field = 0; ; ) {
      const head = byte()
      const type = head & 15
      if (type === STOP) return fields
      const delta = head >> 4
      field = delta === 0 ? zigzag(5) : field + delta
      const value = type === TRUE ? 1 : type === FALSE ? 0 : element(type, depth)
      if (value === undefined) fields.delete(field)
      else fields.set(field, value)
    }
  }

  const fields = struct(0)
  return { fields, end: at }
}
