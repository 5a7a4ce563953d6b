import {
  type Conversation,
  EQUAL_PORTS,
  isClosed,
  minuteOf,
  OUR_SYN,
  THEIR_SYN,
  WINDOW_MINUTES,
} from './conversation.ts'
import { isDriverOutside, isStratumShaped, LAG_MINUTES } from './conversation-shape.ts'
import { type ConversationTable, portOf, protocolOf } from './conversation-table.ts'
import { FIN, RST, SYN, TCP } from './flow.ts'
import { linearCount } from './hash.ts'
import { FIREWALL, MARK, OUT, REFUSED, STRIDE } from './records.ts'

/**
 * What one pass over a conversation's records tells, without the objects of a view: enough to say of most that no rule has
 * anything to say about them. Where it is not the view's own figure it is one that no view exceeds. Lent until the next one.
 */
export interface Glimpse {
  /** IPv4 as 32 bits where it was not needed as text. */
  peer: string | number
  port: number
  protocol: number
  /** We opened it, by flags or as far as ports tell. */
  opened: boolean
  clientPorts: number
  stratumMinutes: number
  driverMinutes: number
  /** Minutes active both ways, and how much their bytes vary each way; `cv` as in `ConversationView.regularity`. */
  steadyMinutes: number
  cv: number
  /** The most packets and bytes out of a record with our SYN and no end, where the peer answered. */
  setupPackets: number
  setupBytes: number
  /** The fewest packets and bytes of one, and the least bytes a packet. */
  setupFewest: number
  setupLeast: number
  setupLeanest: number
  /** Minutes in which five times as much went out as came in. */
  outwardMinutes: number
  /** Seconds from its beginning and from its last opening to the newest record; 0 where no such age counts. */
  open: number
  reopened: number
}

/** `undefined` where only the view tells: a firewall's records overlap. `horizon`: the newest record of the instance. */
export function glimpse(
  one: Conversation,
  { now, floor, horizon }: { readonly now: number; readonly floor: number; readonly horizon: number },
): Glimpse | undefined {
  const { records, setup } = one
  const base = Math.max(floor, minuteOf(now) - WINDOW_MINUTES + 1 - LAG_MINUTES)
  let stratumMinutes = one.stratum[0] + one.stratum[1]
  let driverMinutes = one.driver[0] + one.driver[1]
  // What was not answered, or was over at once, is no setup to any rule.
  const both = one.ways === 3
  const kept = both && setup?.closed === false ? setup : undefined
  let setupPackets = kept?.packetsOut ?? 0
  let setupBytes = kept?.bytesOut ?? 0
  let setupFewest = kept?.packetsOut ?? Number.POSITIVE_INFINITY
  let setupLeast = kept?.bytesOut ?? Number.POSITIVE_INFINITY
  let setupLeanest = kept ? setupLeast / setupFewest : Number.POSITIVE_INFINITY
  let outwardMinutes = 0
  let lastSetup = setup?.at ?? 0
  let steady = 0
  let out = 0
  let outSquares = 0
  let back = 0
  let backSquares = 0

  for (let at = 0; at < records.length; ) {
    const minute = (records[at] ?? 0) >>> 3
    draft.span = 1
    draft.packetsOut = 0
    draft.packetsIn = 0
    draft.bytesOut = 0
    draft.bytesIn = 0
    for (; at < records.length; at += STRIDE) {
      const slot = records[at] ?? 0
      if (slot & FIREWALL) return undefined
      if (slot >>> 3 !== minute) break
      const mark = records[at + 1] ?? 0
      const packets = records[at + 2] ?? 0
      const bytes = records[at + 3] ?? 0
      const way = slot & 3
      const span = (mark >> MARK.span) & 15
      if (span > draft.span) draft.span = span
      if (way === REFUSED) continue
      if (way === OUT) {
        draft.packetsOut += packets
        draft.bytesOut += bytes
        // SYN without ACK, as records.ts keeps flags.
        if ((mark >> MARK.flags) & SYN && !((mark >> MARK.flags) & 8)) {
          if (both && !((mark >> MARK.flags) & (FIN | RST))) {
            if (packets > setupPackets) setupPackets = packets
            if (bytes > setupBytes) setupBytes = bytes
            if (packets < setupFewest) setupFewest = packets
            if (bytes < setupLeast) setupLeast = bytes
            if (bytes < setupLeanest * packets) setupLeanest = bytes / packets
          }
          lastSetup = minute * 60
        }
      } else {
        draft.packetsIn += packets
        draft.bytesIn += bytes
      }
    }
    if (draft.bytesOut >= 5 * draft.bytesIn) outwardMinutes += draft.span
    if (draft.packetsOut === 0 || draft.packetsIn === 0) continue
    if (isStratumShaped(draft)) stratumMinutes += draft.span
    if (isDriverOutside(draft)) driverMinutes += draft.span
    if (minute < base) continue
    steady++
    const rateOut = draft.bytesOut / draft.span
    const rateIn = draft.bytesIn / draft.span
    out += rateOut
    outSquares += rateOut * rateOut
    back += rateIn
    backSquares += rateIn * rateIn
  }
  const until = one.ways !== 3 ? 0 : isClosed(one) ? one.last : horizon
  lent.peer = one.peer
  lent.port = one.port
  lent.protocol = one.protocol
  lent.opened = one.protocol === TCP && openedByUs(one)
  lent.clientPorts = linearCount(ones(one.clientPorts[0]) + ones(one.clientPorts[1]), 64)
  lent.stratumMinutes = stratumMinutes
  lent.driverMinutes = driverMinutes
  lent.steadyMinutes = steady
  lent.cv = Math.max(variation(steady, out, outSquares), variation(steady, back, backSquares))
  lent.setupPackets = setupPackets
  lent.setupBytes = setupBytes
  lent.setupFewest = setupFewest
  lent.setupLeast = setupLeast
  lent.setupLeanest = setupLeanest
  lent.outwardMinutes = outwardMinutes
  lent.open = Math.max(0, until - one.first)
  lent.reopened = lastSetup === 0 ? 0 : Math.max(0, until - lastSetup)
  return lent
}

/** One at a time, so that a pass allocates nothing. */
const lent: Glimpse = {
  peer: '',
  port: 0,
  protocol: 0,
  opened: false,
  clientPorts: 0,
  stratumMinutes: 0,
  driverMinutes: 0,
  steadyMinutes: 0,
  cv: 0,
  setupPackets: 0,
  setupBytes: 0,
  setupFewest: 0,
  setupLeast: 0,
  setupLeanest: 0,
  outwardMinutes: 0,
  open: 0,
  reopened: 0,
}

/** A single record was not answered: whoever opened it, only its port and its peer say something. */
const lone: Glimpse = { ...lent }

/** What a conversation tells that is still a row of the table. Lent like the other. */
export function glimpseOfRow({ peers, looks }: ConversationTable, index: number): Glimpse {
  const look = looks[index] ?? 0
  lone.peer = peers[index] ?? 0
  lone.port = portOf(look)
  lone.protocol = protocolOf(look)
  return lone
}

/** A minute at a time. */
const draft = {
  minute: 0,
  span: 1,
  packetsOut: 0,
  packetsIn: 0,
  bytesOut: 0,
  bytesIn: 0,
  refused: 0,
  opened: false,
  closed: false,
}

function openedByUs({ service, port, proven }: Conversation): boolean {
  if (proven & OUR_SYN) return true
  if (proven & (THEIR_SYN | EQUAL_PORTS) || port >= 32_768) return false
  return service === 'theirs'
}

/** Slightly less than the view's, which adds up in another order: a glimpse must not be the stricter one. */
function variation(count: number, sum: number, squares: number): number {
  if (count === 0 || sum === 0) return 0
  const mean = sum / count
  return (Math.sqrt(Math.max(0, squares / count - mean * mean)) / mean) * 0.999 - 1e-6
}

function ones(word: number): number {
  let count = 0
  for (let bits = word; bits !== 0; bits &= bits - 1) count++
  return count
}
