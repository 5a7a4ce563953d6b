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
import { SYN, TCP } from './flow.ts'
import { linearCount } from './hash.ts'
import { FIREWALL, MARK, OUT, REFUSED, STRIDE } from './records.ts'

/**
 * What one pass over a conversation's records tells, without the objects of a view: enough to say of most that no rule has
 * anything to say about them. Where it is not the view's own figure it is one that no view exceeds.
 */
export interface Glimpse {
  readonly peer: string
  readonly port: number
  readonly protocol: number
  /** We opened it, by flags or as far as ports tell. */
  readonly opened: boolean
  readonly clientPorts: number
  readonly stratumMinutes: number
  readonly driverMinutes: number
  /** Minutes active both ways, and how much their bytes vary each way; `cv` as in `ConversationView.regularity`. */
  readonly steadyMinutes: number
  readonly cv: number
  /** The most packets and bytes out of a record with our SYN. */
  readonly setupPackets: number
  readonly setupBytes: number
  /** Seconds from its beginning and from its last opening to the newest record; 0 where no such age counts. */
  readonly open: number
  readonly reopened: number
}

/** `undefined` where only the view tells: a firewall's records overlap. `horizon`: the newest record of the instance. */
export function glimpse(
  one: Conversation,
  { now, floor, horizon }: { readonly now: number; readonly floor: number; readonly horizon: number },
): Glimpse | undefined {
  const { records, proven, setup } = one
  const base = Math.max(floor, minuteOf(now) - WINDOW_MINUTES + 1 - LAG_MINUTES)
  let stratumMinutes = one.stratum[0] + one.stratum[1]
  let driverMinutes = one.driver[0] + one.driver[1]
  let setupPackets = setup?.packetsOut ?? 0
  let setupBytes = setup?.bytesOut ?? 0
  let lastSetup = setup?.at ?? 0
  let steady = 0
  let out = 0
  let outSquares = 0
  let back = 0
  let backSquares = 0

  for (let at = 0; at < records.length; ) {
    const minute = Math.floor((records[at] ?? 0) / 8)
    draft.span = 1
    draft.packetsOut = 0
    draft.packetsIn = 0
    draft.bytesOut = 0
    draft.bytesIn = 0
    for (; at < records.length; at += STRIDE) {
      const slot = records[at] ?? 0
      if (slot & FIREWALL) return undefined
      if (Math.floor(slot / 8) !== minute) break
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
          if (packets > setupPackets) setupPackets = packets
          if (bytes > setupBytes) setupBytes = bytes
          lastSetup = minute * 60
        }
      } else {
        draft.packetsIn += packets
        draft.bytesIn += bytes
      }
    }
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
  const clientPorts = linearCount(ones(one.clientPorts[0]) + ones(one.clientPorts[1]), 64)
  const until = one.ways !== 3 ? 0 : isClosed(one) ? one.last : horizon
  return {
    peer: one.peer,
    port: one.port,
    protocol: one.protocol,
    opened: one.protocol === TCP && openedByUs(one, proven),
    clientPorts,
    stratumMinutes,
    driverMinutes,
    steadyMinutes: steady,
    cv: Math.max(variation(steady, out, outSquares), variation(steady, back, backSquares)),
    setupPackets,
    setupBytes,
    open: Math.max(0, until - one.first),
    reopened: lastSetup === 0 ? 0 : Math.max(0, until - lastSetup),
  }
}

/** One at a time, so that a pass allocates nothing. */
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

function openedByUs({ service, port }: Conversation, proven: number): boolean {
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
