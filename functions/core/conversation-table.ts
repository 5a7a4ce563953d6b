import { addressOfWord, isExternal, isExternalWord, wordOfAddress } from './address.ts'
import { type Conversation, conversationKey, newConversation, type Seen, SYN_SEEN } from './conversation.ts'
import { SYN, TCP } from './flow.ts'
import * as row from './flow-rows.ts'
import { hashText } from './hash.ts'

/**
 * The conversations of one instance, found by numbers. Most conversations of a scan or of a busy client have one record for
 * ever: until its second such a one is no object but the record's row.
 */
export interface ConversationTable {
  size: number
  /** Peer's address, or a hash of it where it is no IPv4. */
  peers: Uint32Array
  /** `lookOf`: port, protocol and whose the service is. */
  looks: Uint32Array
  /** The record of those that have no object. */
  rows: Uint32Array
  full: (Conversation | undefined)[]
  /** OUTER … FRESH */
  traits: Uint8Array
  /** The newest record's end, and the minute of the oldest one that an object keeps. */
  last: Float64Array
  oldest: Float64Array
  /** The generation of the peers' sketch in which its use was noted. */
  noted: Uint16Array
  /** No fewer points than it gets now, while it is `isJustSeen`, and than it gets until its next record; or UNKNOWN. */
  points: Int16Array
  later: Int16Array
  /** Open addressing: index + 1, or 0. */
  slots: Int32Array
  /** Those whose peer is no IPv4 address, by key. */
  others: Map<string, number>
}

/** The peer is out on the internet. */
const OUTER = 1
/** The row is of what the instance sent. */
const OUT = 2
/** Accepted packets went out, came in. */
const WAYS = 4 | 8
/** A SYN proved who asked. */
const PROVEN = 16
/** Connections are tracked. */
const CONNECTED = 32
/** It has records that `takeFresh` has not told of. */
const FRESH = 64
/** `takeFresh` told of it, and it has not been judged since. */
const JUST_SEEN = 128
export const UNKNOWN = -1

export function newTable(): ConversationTable {
  return sized(64)
}

function sized(capacity: number): ConversationTable {
  return {
    size: 0,
    peers: new Uint32Array(capacity),
    looks: new Uint32Array(capacity),
    rows: new Uint32Array(capacity * row.ROW),
    full: [],
    traits: new Uint8Array(capacity),
    last: new Float64Array(capacity),
    oldest: new Float64Array(capacity),
    noted: new Uint16Array(capacity),
    points: new Int16Array(capacity),
    later: new Int16Array(capacity),
    slots: new Int32Array(capacity * 2),
    others: new Map(),
  }
}

export function lookOf(port: number, protocol: number, theirs: boolean): number {
  return (port << 9) | (protocol << 1) | (theirs ? 1 : 0)
}

export const portOf = (look: number): number => look >>> 9
export const protocolOf = (look: number): number => (look >>> 1) & 0xff
export const isService = (look: number): boolean => (look & 1) === 1

function slotOf(peer: number, look: number, mask: number): number {
  const hash = Math.imul(peer ^ Math.imul(look, 0x9e3779b1), 0x85ebca6b)
  return (hash ^ (hash >>> 15)) & mask
}

/** The conversation's index; -1 where there is none. */
export function find({ slots, peers, looks }: ConversationTable, peer: number, look: number): number {
  const mask = slots.length - 1
  for (let slot = slotOf(peer, look, mask); ; slot = (slot + 1) & mask) {
    const index = (slots[slot] ?? 0) - 1
    if (index < 0 || (peers[index] === peer && looks[index] === look)) return index
  }
}

/** Adds a conversation that is not there yet. */
export function insertRow(
  table: ConversationTable,
  peer: number,
  look: number,
  words: Uint32Array,
  at: number,
  out: boolean,
): number {
  const index = insertNew(table, peer, look, isExternalWord(peer), out)
  const to = index * row.ROW
  for (let word = 0; word < row.ROW; word++) table.rows[to + word] = words[at + word] ?? 0
  const traits = words[at + row.TRAITS] ?? 0
  const ways = traits & row.ACCEPTED ? (out ? 4 : 8) : 0
  const proven = (traits & SYN_ROW) === SYN_ROW && (traits & 0xff) === TCP ? PROVEN : 0
  table.traits[index] = (table.traits[index] ?? 0) | ways | proven
  table.last[index] = words[at + row.END] ?? 0
  return index
}

/** Brings the columns up to date with the object, to which a record was added. */
export function refresh(table: ConversationTable, index: number): void {
  const one = table.full[index]
  if (!one) return
  const kept = (table.traits[index] ?? 0) & (OUTER | OUT)
  const proven = one.proven & SYN_SEEN ? PROVEN : 0
  table.traits[index] = kept | (one.ways << 2) | proven | (one.connections.size > 0 ? CONNECTED : 0) | FRESH
  table.last[index] = one.last
  table.points[index] = UNKNOWN
  table.later[index] = UNKNOWN
  oldestChanged(table, index)
}

/** Puts an object in the place of the row that it was made of: it says the same. */
export function setObject(table: ConversationTable, index: number, one: Conversation): void {
  table.full[index] = one
  const traits = table.traits[index] ?? 0
  table.traits[index] = one.connections.size > 0 ? traits | CONNECTED : traits
  oldestChanged(table, index)
}

/** Brings the oldest record's minute up to date. */
export function oldestChanged(table: ConversationTable, index: number): void {
  const slot = table.full[index]?.records[0]
  table.oldest[index] = slot === undefined ? NEVER : Math.floor(slot / 8)
}

const NEVER = Number.POSITIVE_INFINITY

/** Calls for each conversation that got records since it was called last. */
export function takeFresh(table: ConversationTable, call: (index: number) => void): void {
  const { traits } = table
  for (let index = 0; index < table.size; index++) {
    const bits = traits[index] ?? 0
    if (!(bits & FRESH)) continue
    traits[index] = (bits & ~FRESH) | JUST_SEEN
    call(index)
  }
}

/** The bound that holds now; what was just seen no longer is. */
export function takeBound({ traits, points, later }: ConversationTable, index: number): number {
  const bits = traits[index] ?? 0
  if (!(bits & JUST_SEEN)) return later[index] ?? UNKNOWN
  traits[index] = bits & ~JUST_SEEN
  return points[index] ?? UNKNOWN
}

export const isConnected = ({ traits }: ConversationTable, index: number): boolean =>
  ((traits[index] ?? 0) & CONNECTED) !== 0

/** The index of a flow's conversation, which is an object from now on. */
export function indexOf(table: ConversationTable, seen: Seen, protocol: number): { index: number; begun: boolean } {
  const look = lookOf(seen.port, protocol, seen.service === 'theirs')
  const peer = wordOfAddress(seen.peer)
  if (peer >= 0) {
    const known = find(table, peer, look)
    if (known >= 0) return { index: known, begun: false }
    const index = insertNew(table, peer, look, isExternalWord(peer), seen.out)
    table.full[index] = newConversation(seen, protocol)
    return { index, begun: true }
  }
  const key = conversationKey(seen, protocol)
  const known = table.others.get(key)
  if (known !== undefined) return { index: known, begun: false }
  const index = appended(table, hashText(seen.peer), look, isExternal(seen.peer), seen.out)
  table.others.set(key, index)
  table.full[index] = newConversation(seen, protocol)
  return { index, begun: true }
}

function insertNew(table: ConversationTable, peer: number, look: number, outer: boolean, out: boolean): number {
  const index = appended(table, peer, look, outer, out)
  link(table, index)
  return index
}

function appended(table: ConversationTable, peer: number, look: number, outer: boolean, out: boolean): number {
  if (table.size === table.peers.length) grow(table)
  const index = table.size++
  table.peers[index] = peer
  table.looks[index] = look
  table.traits[index] = (outer ? OUTER : 0) | (out ? OUT : 0) | FRESH
  table.last[index] = 0
  table.oldest[index] = NEVER
  table.noted[index] = 0
  table.points[index] = UNKNOWN
  table.later[index] = UNKNOWN
  table.full[index] = undefined
  return index
}

function link({ slots, peers, looks }: ConversationTable, index: number): void {
  const mask = slots.length - 1
  let slot = slotOf(peers[index] ?? 0, looks[index] ?? 0, mask)
  while (slots[slot] !== 0) slot = (slot + 1) & mask
  slots[slot] = index + 1
}

function grow(table: ConversationTable): void {
  const larger = sized(table.peers.length * 2)
  for (const column of ['peers', 'looks', 'rows', 'traits', 'last', 'oldest', 'noted', 'points', 'later'] as const) {
    larger[column].set(table[column])
    Object.assign(table, { [column]: larger[column] })
  }
  table.slots = larger.slots
  relink(table)
}

function relink(table: ConversationTable): void {
  table.slots.fill(0)
  for (let index = 0; index < table.size; index++) if (!isOther(table, index)) link(table, index)
}

/** One whose peer is no IPv4 address is always an object. */
function isOther({ full, others }: ConversationTable, index: number): boolean {
  if (others.size === 0) return false
  const one = full[index]
  return one !== undefined && wordOfAddress(one.peer) < 0
}

/** Takes the marked ones away; the others keep their order. */
export function remove(table: ConversationTable, isGone: (index: number) => boolean): void {
  let kept = 0
  const { peers, looks, rows, traits, last, oldest, noted, points, later, full } = table
  for (let index = 0; index < table.size; index++) {
    if (isGone(index)) continue
    if (kept !== index) {
      peers[kept] = peers[index] ?? 0
      looks[kept] = looks[index] ?? 0
      traits[kept] = traits[index] ?? 0
      last[kept] = last[index] ?? 0
      oldest[kept] = oldest[index] ?? 0
      noted[kept] = noted[index] ?? 0
      points[kept] = points[index] ?? 0
      later[kept] = later[index] ?? 0
      if (full[index] === undefined) rows.copyWithin(kept * row.ROW, index * row.ROW, (index + 1) * row.ROW)
      full[kept] = full[index]
    }
    kept++
  }
  if (kept === table.size) return
  table.size = kept
  full.length = kept
  if (table.others.size > 0)
    table.others = new Map(
      full.flatMap((one, index) =>
        one && wordOfAddress(one.peer) < 0 ? [[conversationKey(one, one.protocol), index] as const] : [],
      ),
    )
  relink(table)
}

export const isOut = ({ traits }: ConversationTable, index: number): boolean => ((traits[index] ?? 0) & OUT) !== 0

/** 1: accepted packets went out, 2: came in. */
export const waysOf = ({ traits }: ConversationTable, index: number): number => ((traits[index] ?? 0) & WAYS) >> 2

export const isProven = ({ traits }: ConversationTable, index: number): boolean => ((traits[index] ?? 0) & PROVEN) !== 0

/** A row that was accepted and carries a SYN: in an interface's own log it proves one or the other. */
const SYN_ROW = row.ACCEPTED | row.FLAGS_KNOWN | (SYN << row.FLAGS_SHIFT)

export const isOuter = ({ traits }: ConversationTable, index: number): boolean => ((traits[index] ?? 0) & OUTER) !== 0

export function peerAt({ full, peers }: ConversationTable, index: number): string {
  return full[index]?.peer ?? addressOfWord(peers[index] ?? 0)
}

/** Adds another state's conversation unless there is one already. */
export function put(table: ConversationTable, key: string, one: Conversation): void {
  const look = lookOf(one.port, one.protocol, one.service === 'theirs')
  const peer = wordOfAddress(one.peer)
  if (peer >= 0 ? find(table, peer, look) >= 0 : table.others.has(key)) return
  const index =
    peer >= 0
      ? insertNew(table, peer, look, isExternalWord(peer), true)
      : appended(table, hashText(one.peer), look, isExternal(one.peer), true)
  if (peer < 0) table.others.set(key, index)
  table.full[index] = one
  refresh(table, index)
}

/** The end of the newest accepted record; 0 for none. */
export function passedOf(table: ConversationTable, index: number): number {
  const one = table.full[index]
  if (one) return one.passed
  return waysOf(table, index) === 0 ? 0 : (table.rows[index * row.ROW + row.END] ?? 0)
}
