import { addressOfWord } from './address.ts'
import type { Flow } from './flow.ts'

/**
 * Flows between two IPv4 addresses as rows of 32-bit words, so that millions of them cost no object and no string each. What
 * does not fit (IPv6, no interface, a count of 2^32 and more) travels as a `Flow`.
 */
export interface FlowRows {
  /** `count` rows of `ROW` words. Lent: the next rows are written over them. */
  readonly words: Uint32Array
  count: number
  /** The interfaces that the rows' numbers stand for; it only grows. */
  readonly interfaces: readonly string[]
}

/** Words of a row. */
export const ROW = 9
export const INTERFACE = 0
export const SOURCE = 1
export const DESTINATION = 2
/** Source port in the upper half. */
export const PORTS = 3
export const PACKETS = 4
export const BYTES = 5
export const START = 6
export const END = 7
export const TRAITS = 8

/** Bits of a row's traits: 0–7 protocol, 8–16 TCP flags. */
export const FLAGS_SHIFT = 8
export const FLAGS_KNOWN = 1 << 17
export const ACCEPTED = 1 << 18
export const EGRESS = 1 << 19
export const INGRESS = 1 << 20

/** Rows that are handed on together. */
export const MOST_ROWS = 4096

export function newRows(interfaces: readonly string[]): FlowRows {
  return { words: new Uint32Array(MOST_ROWS * ROW), count: 0, interfaces }
}

export function flowOf({ words, interfaces }: FlowRows, at: number): Flow {
  const traits = words[at + TRAITS] ?? 0
  const ports = words[at + PORTS] ?? 0
  return {
    interface: interfaces[words[at + INTERFACE] ?? 0],
    account: undefined,
    firewall: undefined,
    source: addressOfWord(words[at + SOURCE] ?? 0),
    destination: addressOfWord(words[at + DESTINATION] ?? 0),
    sourcePort: ports >>> 16,
    destinationPort: ports & 0xffff,
    protocol: traits & 0xff,
    packets: words[at + PACKETS] ?? 0,
    bytes: words[at + BYTES] ?? 0,
    start: words[at + START] ?? 0,
    end: words[at + END] ?? 0,
    flags: traits & FLAGS_KNOWN ? (traits >> FLAGS_SHIFT) & 0x1ff : undefined,
    accepted: (traits & ACCEPTED) !== 0,
    direction: traits & EGRESS ? 'egress' : traits & INGRESS ? 'ingress' : undefined,
  }
}
