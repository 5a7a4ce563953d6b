import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type Conversation, conversationKey, type Sums } from './conversation.ts'
import { InputError, reasonOf } from './errors.ts'
import { readHost, writeHost } from './host-packing.ts'
import { alertKey, BOUNDS, type InstanceState, newState, settle } from './instance-state.ts'
import { SUFFIX_BYTES, type Suffix } from './names.ts'
import { oneOf, type Packer, packer, sorted, type Unpacker, unpacker } from './packing.ts'
import { newProbeMinute, PROBE_BYTES, type ProbeMinute } from './probes.ts'
import { MARK, STRIDE } from './records.ts'
import type { AlertView, Setup } from './rule.ts'

/** Far enough below DynamoDB's 400 KB an item that two owed findings fit beside it. */
export const MAX_PACKED = 240_000
const MAX_UNPACKED = 8_000_000
const FORMAT = 2

const KINDS = ['mining', 'tunnel', 'other'] as const
const VIA = ['dns', 'tls', 'http', 'ssh'] as const
const STATUS = ['ok', 'nodata', 'skipped'] as const
const SUMS = ['records', 'refused', 'packetsOut', 'packetsIn', 'bytesOut', 'bytesIn'] as const
const MAPS = ['targets', 'addresses', 'ports', 'refused'] as const

/**
 * The settled state in bytes. Where they would be too many the window is halved, with it the connections and names that
 * are told apart, and in the end the conversations: `tightened` says how often. `size`: bytes before compression.
 */
export function packState(
  state: InstanceState,
  now: number,
): { readonly packed: Uint8Array; readonly tightened: number; readonly size: number } {
  let tightened = 0
  for (;;) {
    if (tightened > 0)
      settle(state, now, {
        windowMinutes: Math.max(1, BOUNDS.windowMinutes >> tightened),
        connections: Math.max(1, BOUNDS.connections >> tightened),
        names: Math.max(8, 192 >> tightened),
        calls: 0,
        conversations: BOUNDS.conversations >> Math.max(0, tightened - 6),
      })
    const bytes = write(state)
    const packed = deflateRawSync(bytes, { level: 1 })
    if (packed.length <= MAX_PACKED) return { packed, tightened, size: bytes.length }
    // What the agent writes of itself must not cost the window of what it did.
    if (state.host.calls.size > 0) state.host.calls.clear()
    else tightened++
  }
}

/** Throws `InputError` on bytes that are no packed state. */
export function unpackState(packed: Uint8Array): InstanceState {
  let bytes: Uint8Array
  try {
    bytes = inflateRawSync(packed, { maxOutputLength: MAX_UNPACKED })
  } catch (cause) {
    throw new InputError(`Cannot unpack state: ${reasonOf(cause)}`, { cause })
  }
  return read(unpacker(bytes))
}

function write(state: InstanceState): Uint8Array {
  const to = packer()
  const { number, text } = to
  for (const value of [FORMAT, state.watermark, state.floor, state.leftOpenAt]) number(value)
  number(state.conversations.size)
  for (const one of sorted(state.conversations)) writeConversation(to, one)
  for (const minutes of [state.probes.internal, state.probes.external]) {
    number(minutes.size)
    for (const one of minutes
      .values()
      .toArray()
      .toSorted((a, b) => a.minute - b.minute)) {
      for (const value of [one.minute, one.first, one.last]) number(value)
      for (const map of MAPS) to.bytes(one[map])
    }
  }
  number(state.names.names.size)
  for (const one of sorted(state.names.names)) {
    text(one.name)
    for (const value of [VIA.indexOf(one.via), one.first, one.last, one.kept ? 1 : 0, one.addresses.size]) number(value)
    for (const [address, at] of [...one.addresses].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      text(address)
      number(at)
    }
    number(one.ports.length)
    for (const port of one.ports) number(port)
  }
  number(state.names.suffixes.size)
  for (const one of sorted(state.names.suffixes)) writeSuffix(to, one)
  number(state.alerts.size)
  for (const one of sorted(state.alerts)) {
    text(one.rule)
    text(one.peer ?? '')
    // Rows of before an alert had more bits are read as ever.
    const own = (one.own === 'connection' ? 4 : 0) | (one.own === 'query' ? 8 : 0)
    const bits = (one.blocked ? 1 : 0) | (one.outbound ? 2 : 0) | own | (one.name === undefined ? 0 : 16)
    for (const value of [KINDS.indexOf(one.kind), one.port, one.protocol, bits, one.first, one.last]) number(value)
    if (one.name !== undefined) text(one.name)
  }
  number(state.windows.size)
  for (const [id, minutes] of [...state.windows].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    text(id)
    number(minutes.size)
    for (const one of minutes
      .values()
      .toArray()
      .toSorted((a, b) => a.start - b.start))
      for (const value of [one.start, one.end - one.start, STATUS.indexOf(one.status), one.acceptedBytes]) number(value)
  }
  writeHost(to, state.host)
  return to.done()
}

function read(from: Unpacker): InstanceState {
  const { number, text, count } = from
  const format = number()
  if (format !== FORMAT) throw new InputError(`Cannot unpack state: the format is ${format}, known is ${FORMAT}`)
  const state: InstanceState = { ...newState(), watermark: number(), floor: number(), leftOpenAt: number() }
  for (let left = count(); left > 0; left--) {
    const one = readConversation(from)
    state.conversations.set(conversationKey(one, one.protocol), one)
  }
  for (const minutes of [state.probes.internal, state.probes.external])
    for (let left = count(); left > 0; left--) {
      const one = readProbeMinute(from)
      minutes.set(one.minute, one)
    }
  for (let left = count(); left > 0; left--) {
    const name = text()
    const via = oneOf(VIA, number())
    const one = { name, via, first: number(), last: number(), kept: number() === 1 }
    const addresses = new Map(Array.from({ length: count() }, () => [text(), number()] as const))
    state.names.names.set(`${via} ${name}`, { ...one, addresses, ports: Array.from({ length: count() }, number) })
  }
  for (let left = count(); left > 0; left--) {
    const one = readSuffix(from)
    state.names.suffixes.set(one.suffix, one)
  }
  for (let left = count(); left > 0; left--) {
    const rule = text()
    const peer = text()
    const kind = oneOf(KINDS, number())
    const [port, protocol, bits] = [number(), number(), number()]
    const [first, last] = [number(), number()]
    const one: AlertView = {
      kind,
      rule,
      peer: peer === '' ? undefined : peer,
      port,
      protocol,
      blocked: (bits & 1) !== 0,
      outbound: (bits & 2) !== 0,
      own: bits & 4 ? 'connection' : bits & 8 ? 'query' : undefined,
      name: bits & 16 ? text() : undefined,
      first,
      last,
    }
    state.alerts.set(alertKey(one), one)
  }
  for (let left = count(); left > 0; left--) {
    const id = text()
    const minutes = Array.from({ length: count() }, () => {
      const start = number()
      const window = { start, end: start + number(), status: oneOf(STATUS, number()), acceptedBytes: number() }
      return [Math.floor(start / 60), window] as const
    })
    state.windows.set(id, new Map(minutes))
  }
  readHost(from, state.host)
  from.end()
  return state
}

function writeConversation({ number, text }: Packer, one: Conversation): void {
  text(one.peer)
  const head = [
    one.port,
    one.protocol,
    one.service === 'ours' ? 1 : 0,
    one.first,
    one.last - one.first,
    one.passed,
    one.proven,
  ]
  for (const value of [...head, one.ways, ...one.clientPorts, one.forgottenOpen]) number(value)
  number(one.connections.size)
  for (const [port, { opened, alive, straggler, closed }] of [...one.connections].toSorted(([a], [b]) => a - b))
    for (const value of [port, opened, alive, straggler, closed]) number(value)
  for (const sums of one.folded) for (const field of SUMS) number(sums[field])
  number(one.setup ? 1 : 0)
  if (one.setup) {
    const { at, packetsOut, packetsIn, bytesOut, bytesIn, closed } = one.setup
    for (const value of [at, packetsOut, packetsIn, bytesOut, bytesIn, closed ? 1 : 0]) number(value)
  }
  for (const value of [one.halfDay, ...one.driver, ...one.stratum]) number(value)
  number(one.records.length / STRIDE)
  let before = 0
  for (let at = 0; at < one.records.length; at += STRIDE) {
    const slot = one.records[at] ?? 0
    const mark = one.records[at + 1] ?? 0
    number(slot - before)
    before = slot
    number(mark & 0xff)
    number((mark >> 8) & 0xff)
    number(mark >> MARK.flags)
    number(one.records[at + 2] ?? 0)
    number(one.records[at + 3] ?? 0)
  }
}

function readConversation({ number, text, count }: Unpacker): Conversation {
  const peer = text()
  const [port, protocol, ours, first] = [number(), number(), number(), number()]
  const one = {
    peer,
    port,
    protocol,
    service: ours === 1 ? ('ours' as const) : ('theirs' as const),
    first,
    last: first + number(),
    passed: number(),
    proven: number(),
    ways: number(),
    clientPorts: [number(), number()] satisfies [number, number],
    forgottenOpen: number(),
  }
  const connections = new Map(
    Array.from({ length: count() }, () => {
      const client = number()
      return [client, { opened: number(), alive: number(), straggler: number(), closed: number() }] as const
    }),
  )
  const folded: [Sums, Sums] = [readSums(number), readSums(number)]
  const setup: Setup | undefined =
    number() === 0
      ? undefined
      : {
          at: number(),
          packetsOut: number(),
          packetsIn: number(),
          bytesOut: number(),
          bytesIn: number(),
          closed: number() === 1,
        }
  const halfDay = number()
  const driver: [number, number] = [number(), number()]
  const stratum: [number, number] = [number(), number()]
  const records: number[] = []
  let slot = 0
  for (let left = count(); left > 0; left--) {
    slot += number()
    records.push(slot, number() | (number() << 8) | (number() << MARK.flags), number(), number())
  }
  return { ...one, connections, folded, setup, halfDay, driver, stratum, records }
}

function readSums(number: () => number): Sums {
  return {
    records: number(),
    refused: number(),
    packetsOut: number(),
    packetsIn: number(),
    bytesOut: number(),
    bytesIn: number(),
  }
}

function readProbeMinute({ number, bytes }: Unpacker): ProbeMinute {
  const one = { ...newProbeMinute(number()), first: number(), last: number() }
  for (const map of MAPS) {
    const bits = bytes()
    if (bits.length !== PROBE_BYTES[map]) throw new InputError(`Cannot unpack state: a map has ${bits.length} bytes`)
    one[map].set(bits)
  }
  return one
}

function writeSuffix(to: Packer, one: Suffix): void {
  to.text(one.suffix)
  for (const value of [one.hour, one.first, one.last]) to.number(value)
  for (const map of [...one.names, ...one.encoded]) to.bytes(map)
}

function readSuffix({ text, number, bytes }: Unpacker): Suffix {
  function map(): Uint8Array {
    const bits = bytes()
    if (bits.length !== SUFFIX_BYTES) throw new InputError(`Cannot unpack state: a map has ${bits.length} bytes`)
    return bits
  }
  return {
    suffix: text(),
    hour: number(),
    first: number(),
    last: number(),
    names: [map(), map()],
    encoded: [map(), map()],
  }
}
