import { addressOfWord } from './address.ts'
import { add, type Conversation, isTheirs, NO_FLAGS, newConversation, provenBy, type Seen } from './conversation.ts'
import { type ConversationTable, isOut, peerAt, setObject } from './conversation-table.ts'
import type { Flow } from './flow.ts'
import * as row from './flow-rows.ts'

/** What a row is as an object, for the code that adds flows. */

const seen: { -readonly [K in keyof Seen]: Seen[K] } = {
  out: true,
  peer: '',
  port: 0,
  clientPort: 0,
  service: 'theirs',
  proven: 0,
}
const flow: Flow = {
  interface: '',
  account: undefined,
  firewall: undefined,
  source: '',
  destination: '',
  sourcePort: 0,
  destinationPort: 0,
  protocol: 0,
  packets: 0,
  bytes: 0,
  start: 0,
  end: 0,
  flags: undefined,
  accepted: true,
  direction: undefined,
}

/**
 * The row as the flow that it is and as the instance sees it, without its addresses. The objects are lent: the next row is
 * written over them.
 */
export function lent(
  words: Uint32Array,
  at: number,
  out: boolean,
  interfaces: readonly string[],
): { readonly flow: Flow; readonly seen: typeof seen } {
  const traits = words[at + row.TRAITS] ?? 0
  const ports = words[at + row.PORTS] ?? 0
  flow.interface = interfaces[words[at + row.INTERFACE] ?? 0]
  flow.sourcePort = ports >>> 16
  flow.destinationPort = ports & 0xffff
  flow.protocol = traits & 0xff
  flow.packets = words[at + row.PACKETS] ?? 0
  flow.bytes = words[at + row.BYTES] ?? 0
  flow.start = words[at + row.START] ?? 0
  flow.end = words[at + row.END] ?? 0
  flow.flags = traits & row.FLAGS_KNOWN ? (traits >> row.FLAGS_SHIFT) & 0x1ff : undefined
  flow.accepted = (traits & row.ACCEPTED) !== 0
  const ourPort = out ? flow.sourcePort : flow.destinationPort
  const theirPort = out ? flow.destinationPort : flow.sourcePort
  const proven = provenBy(flow.protocol, flow.flags ?? NO_FLAGS, true, out, ourPort === theirPort)
  const theirs = isTheirs(proven, ourPort, theirPort)
  seen.out = out
  seen.port = theirs ? theirPort : ourPort
  seen.clientPort = theirs ? ourPort : theirPort
  seen.service = theirs ? 'theirs' : 'ours'
  seen.proven = proven
  return both
}

const both = { flow, seen }

/** The conversation as an object, made of its row if need be. */
export function conversationAt(table: ConversationTable, index: number, interfaces: readonly string[]): Conversation {
  const known = table.full[index]
  if (known) return known
  const one = lent(table.rows, index * row.ROW, isOut(table, index), interfaces)
  one.seen.peer = addressOfWord(table.peers[index] ?? 0)
  const conversation = newConversation(one.seen, one.flow.protocol)
  add(conversation, one.flow, one.seen)
  setObject(table, index, conversation)
  return conversation
}

/** Makes an object of a row that is not to be counted: it came too late. */
export function makeEmpty(table: ConversationTable, index: number, interfaces: readonly string[]): void {
  const { flow, seen } = lent(table.rows, index * row.ROW, isOut(table, index), interfaces)
  seen.peer = peerAt(table, index)
  table.full[index] = newConversation(seen, flow.protocol)
}
