import { type Connections, isOpen, mergeConnections, track } from './connections.ts'
import { ACK, FIN, type Flow, RST, SYN, TCP } from './flow.ts'
import { finish, hashText, mix } from './hash.ts'
import { FIREWALL, IN, insert, MARK, OUT, REFUSED, STRIDE } from './records.ts'
import type { Setup } from './rule.ts'

/**
 * All flows of one (instance, peer, service port, protocol) in constant size. The last 64 minutes are kept as records, a
 * set of at most eight for each minute and direction, the largest first: adding a record twice, or two in another
 * order, or merging two sets, gives the same set. A minute that leaves the window is folded into sums, once and for all.
 */

/** Late records fit within this, and a record that comes twice within it counts once. */
export const WINDOW_MINUTES = 64
/** What flags proved: who sent a SYN without ACK, and who answered one. */
export const OUR_SYN = 1
export const THEIR_SYN = 2
const OUR_ANSWER = 4
const THEIR_ANSWER = 8
export const SYN_SEEN = OUR_SYN | THEIR_SYN | OUR_ANSWER | THEIR_ANSWER
/** Some record carried flags, so that a missing SYN says something. */
const FLAGS_KNOWN = 16
/** Both sides used the same port, so the ports do not tell the client. */
export const EQUAL_PORTS = 32

export interface Sums {
  records: number
  refused: number
  packetsOut: number
  packetsIn: number
  bytesOut: number
  bytesIn: number
}

export interface Conversation {
  readonly peer: string
  readonly port: number
  readonly protocol: number
  readonly service: 'theirs' | 'ours'
  first: number
  last: number
  /** The end of the newest accepted record; 0 for none. What is refused keeps no connection tracked. */
  passed: number
  /** OR of OUR_SYN … FLAGS_KNOWN. */
  proven: number
  /** 1: accepted packets went out, 2: came in. */
  ways: number
  /** Bit map of the client ports, 64 bits. */
  clientPorts: [number, number]
  connections: Connections
  /** The newest time of a connection that had to be forgotten while it was open; 0 for none. */
  forgottenOpen: number
  /** In the order of slots and, within, of size (records.ts). */
  records: number[]
  /** What left the window, by flow logs and by firewalls. */
  folded: readonly [Sums, Sums]
  /** The oldest opening that left the window. */
  setup: Setup | undefined
  /** Minutes of two shapes that left the window, in the half-day that `halfDay` numbers and in the one before it. */
  halfDay: number
  driver: readonly [number, number]
  stratum: readonly [number, number]
}

/** A flow as the instance sees it. */
export interface Seen {
  readonly out: boolean
  readonly peer: string
  readonly port: number
  readonly clientPort: number
  readonly service: Conversation['service']
  readonly proven: number
}

/**
 * Which conversation a flow belongs to, from the record alone, so that the order of records does not matter. In a flow log
 * SYN with ACK marks the one that answers, SYN alone the one that asks (AWS: ACK is logged only with SYN). A firewall ORs all
 * flags of a flow, so there SYN with ACK tells nothing. Without a SYN the lower port is the service: a guess.
 */
export function seenBy(flow: Flow, out: boolean): Seen {
  const ourPort = out ? flow.sourcePort : flow.destinationPort
  const theirPort = out ? flow.destinationPort : flow.sourcePort
  const proven = provenBy(
    flow.protocol,
    flow.flags ?? NO_FLAGS,
    flow.interface !== undefined,
    out,
    ourPort === theirPort,
  )
  const theirs = isTheirs(proven, ourPort, theirPort)
  return {
    out,
    peer: out ? flow.destination : flow.source,
    port: theirs ? theirPort : ourPort,
    clientPort: theirs ? ourPort : theirPort,
    service: theirs ? 'theirs' : 'ours',
    proven,
  }
}

/** In place of TCP flags that the log does not carry. */
export const NO_FLAGS = -1

/** What a record's flags prove, as bits of `Conversation.proven`. `own`: the interface's own log says it. */
export function provenBy(protocol: number, flags: number, own: boolean, out: boolean, equalPorts: boolean): number {
  const equal = equalPorts ? EQUAL_PORTS : 0
  if (protocol !== TCP || flags === NO_FLAGS) return equal
  if ((flags & SYN) === 0) return FLAGS_KNOWN | equal
  if ((flags & ACK) === 0) return FLAGS_KNOWN | equal | (out ? OUR_SYN : THEIR_SYN)
  return FLAGS_KNOWN | equal | (own ? (out ? OUR_ANSWER : THEIR_ANSWER) : 0)
}

/** Whether the service is the peer's. A refused SYN opened nothing, but it still tells who asks. */
export function isTheirs(proven: number, ourPort: number, theirPort: number): boolean {
  return (proven & SYN_SEEN) === 0 ? theirPort <= ourPort : (proven & (OUR_SYN | THEIR_ANSWER)) !== 0
}

export function conversationKey(seen: Pick<Conversation, 'peer' | 'port' | 'service'>, protocol: number): string {
  return `${seen.service === 'ours' ? '<' : '>'}${protocol} ${seen.port} ${seen.peer}`
}

export const noSums = (): Sums => ({ records: 0, refused: 0, packetsOut: 0, packetsIn: 0, bytesOut: 0, bytesIn: 0 })

/** What most conversations never come to is shared by them: a scan makes many. Whoever changes it copies it before. */
const NO_CONNECTIONS: Connections = new Map()
export const NOTHING_FOLDED: readonly [Sums, Sums] = [noSums(), noSums()]
const NO_MINUTES: readonly [number, number] = [0, 0]

export function newConversation({ peer, port, service }: Seen, protocol: number): Conversation {
  return {
    peer,
    port,
    protocol,
    service,
    first: Number.POSITIVE_INFINITY,
    last: 0,
    passed: 0,
    proven: 0,
    ways: 0,
    clientPorts: [0, 0],
    connections: NO_CONNECTIONS,
    forgottenOpen: 0,
    records: [],
    folded: NOTHING_FOLDED,
    setup: undefined,
    halfDay: 0,
    driver: NO_MINUTES,
    stratum: NO_MINUTES,
  }
}

export const minuteOf = (seconds: number): number => Math.floor(seconds / 60)

/**
 * The minute that a flow is filed under. A firewall tells of a flow when it ends, hours after its start: only its last
 * quarter of an hour can be placed in the window.
 */
export function filedMinute({ start, end }: Flow): number {
  return minuteOf(Math.max(start, end - 900))
}

/**
 * What a record says whenever it comes, each a union or a maximum, so that repeats and order do not matter: who opened
 * what, what is closed, when it was first and last seen.
 */
export function note(conversation: Conversation, flow: Flow, seen: Seen): void {
  conversation.first = Math.min(conversation.first, flow.start)
  conversation.last = Math.max(conversation.last, flow.end)
  conversation.proven |= flow.accepted ? seen.proven : seen.proven & (FLAGS_KNOWN | EQUAL_PORTS)
  if (!flow.accepted) return
  conversation.passed = Math.max(conversation.passed, flow.end)
  conversation.ways |= seen.out ? 1 : 2
  const bit = finish(mix(7, seen.clientPort)) & 63
  if (bit < 32) conversation.clientPorts[0] = (conversation.clientPorts[0] | (1 << bit)) >>> 0
  else conversation.clientPorts[1] = (conversation.clientPorts[1] | (1 << (bit - 32))) >>> 0
  if (flow.protocol !== TCP || flow.flags === undefined) return
  if (conversation.connections === NO_CONNECTIONS) conversation.connections = new Map()
  track(conversation.connections, flow, seen.clientPort, flow.flags)
}

/** Changes the conversation. Returns whether the record was new. The caller sees to it that it is not too late. */
export function add(conversation: Conversation, flow: Flow, seen: Seen): boolean {
  const flags = flow.flags ?? 0
  const minute = filedMinute(flow)
  const span = Math.min(15, Math.max(1, Math.round((flow.end - flow.start) / 60)))
  const way = flow.accepted ? (seen.out ? OUT : IN) : REFUSED
  const slot = minute * 8 + (flow.interface === undefined ? FIREWALL : 0) + way
  const mark = markOf(flow, seen, flags, span)
  note(conversation, flow, seen)
  if (conversation.records.length === 0) {
    // Most of a scan's conversations have one record: an array of its length, not one that has room for more.
    conversation.records = [slot, mark, flow.packets, flow.bytes]
    return true
  }
  return insert(conversation.records, slot, mark, flow.packets, flow.bytes)
}

let lastInterface = ''
let lastInterfaceHash = hashText('')

/** A log's neighbouring records are of one interface, mostly. */
function interfaceHash(networkInterface: string): number {
  if (networkInterface !== lastInterface) {
    lastInterface = networkInterface
    lastInterfaceHash = hashText(networkInterface)
  }
  return lastInterfaceHash
}

function markOf(flow: Flow, seen: Seen, flags: number, span: number): number {
  const port = finish(mix(3, seen.clientPort)) & 0xff
  let hash = mix(mix(mix(mix(11, seen.clientPort), flow.start), flow.end), flags)
  hash = mix(mix(hash, flow.packets), flow.bytes)
  if (flow.interface !== undefined) hash = mix(hash, interfaceHash(flow.interface))
  const kept = (flags & (FIN | SYN | RST)) | (flags & ACK ? 8 : 0)
  return (
    port |
    ((finish(hash) & 0xff) << 8) |
    (kept << MARK.flags) |
    (flow.flags === undefined ? 0 : MARK.known) |
    (span << MARK.span)
  )
}

/** Without flags nothing says that a TCP conversation ended; other protocols end by silence alone. */
export function isClosed({ protocol, proven, connections, forgottenOpen, last }: Conversation): boolean {
  if (protocol !== TCP || !(proven & FLAGS_KNOWN)) return false
  if (forgottenOpen > 0 || last === 0) return false
  for (const one of connections.values()) if (isOpen(one)) return false
  return true
}

/**
 * The union of two states of one conversation. Both may hold the same records of the window; what they have folded must
 * be of different records.
 */
export function merge(a: Conversation, b: Conversation): Conversation {
  const merged = structuredClone(a)
  merged.first = Math.min(a.first, b.first)
  merged.last = Math.max(a.last, b.last)
  merged.passed = Math.max(a.passed, b.passed)
  merged.proven |= b.proven
  merged.ways |= b.ways
  merged.clientPorts = [(a.clientPorts[0] | b.clientPorts[0]) >>> 0, (a.clientPorts[1] | b.clientPorts[1]) >>> 0]
  merged.forgottenOpen = Math.max(a.forgottenOpen, b.forgottenOpen)
  mergeConnections(merged.connections, b.connections)
  for (let at = 0; at < b.records.length; at += STRIDE) {
    const [slot = 0, mark = 0, packets = 0, bytes = 0] = b.records.slice(at, at + STRIDE)
    insert(merged.records, slot, mark, packets, bytes)
  }
  merged.folded = [plus(a.folded[0], b.folded[0]), plus(a.folded[1], b.folded[1])]
  merged.setup = a.setup && b.setup ? (a.setup.at <= b.setup.at ? a.setup : b.setup) : (a.setup ?? b.setup)
  for (const half of [b.halfDay - 1, b.halfDay]) {
    const at = b.halfDay - half
    count(merged, half, b.driver[at] ?? 0, b.stratum[at] ?? 0)
  }
  return merged
}

function plus(a: Sums, b: Sums): Sums {
  return {
    records: a.records + b.records,
    refused: a.refused + b.refused,
    packetsOut: a.packetsOut + b.packetsOut,
    packetsIn: a.packetsIn + b.packetsIn,
    bytesOut: a.bytesOut + b.bytesOut,
    bytesIn: a.bytesIn + b.bytesIn,
  }
}

/** Adds minutes of the two shapes to the half-day that they stood in; those older than the one before the newest are let go. */
export function count(conversation: Conversation, halfDay: number, driver: number, stratum: number): void {
  if (halfDay > conversation.halfDay) {
    const next = halfDay === conversation.halfDay + 1
    conversation.driver = [0, next ? conversation.driver[0] : 0]
    conversation.stratum = [0, next ? conversation.stratum[0] : 0]
    conversation.halfDay = halfDay
  }
  const age = conversation.halfDay - halfDay
  if (age !== 0 && age !== 1) return
  conversation.driver = more(conversation.driver, age, driver)
  conversation.stratum = more(conversation.stratum, age, stratum)
}

function more([newest, before]: readonly [number, number], age: 0 | 1, minutes: number): readonly [number, number] {
  return age === 0 ? [newest + minutes, before] : [newest, before + minutes]
}
