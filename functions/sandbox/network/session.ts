import { ACK, FIN, RST, SYN, TCP } from '../../core/flow.ts'
import { BARE, type Exchange, type Shape } from './exchange.ts'
import type { End } from './tally.ts'

/**
 * What becomes of packets in one direction. `refused`: their sender's interface shows a refusal. `stopped`: their
 * receiver's does, and the sender's says accepted. `lost`: they left and reach nobody. `unsent`: nobody is there to send.
 */
export type Way = 'passes' | 'refused' | 'stopped' | 'lost' | 'unsent'

type Direction = 'out' | 'back'

export interface Session {
  /** Work that ends when its interface is cut, where the scenario says so. */
  readonly ordinary: boolean
  /** Where it was opened from, always inside. */
  readonly near: End
  readonly far: End | undefined
  /** The peer stands outside the network. */
  readonly outside: boolean
  readonly openedAt: number
  readonly serverName: string | undefined
  /** The firewall's number for it. */
  readonly flow: number
  readonly shape: Shape
  out: Way
  back: Way
  /** Which state of the cloud the ways were judged in, and when. */
  epoch: number
  judgedAt: number
  /** When the exchange that comes next is due; without one the session ends then. */
  due: number
  coming: Exchange | undefined
  stalled: Stall | undefined
  endedAt: number | undefined
  readonly sent: { packets: number; bytes: number }
  readonly received: { packets: number; bytes: number }
}

interface Stall {
  readonly since: number
  retryAt: number
  backoff: number
}

/** What a session needs of the network that carries it. */
export interface Wire {
  judge(session: Session, direction: Direction, what?: { opening?: boolean; closing?: 'fin' | 'rst' }): Way
  /** Whether groups, ACLs or addresses may have changed since the session's ways were judged. */
  isStale(session: Session, at: number): boolean
  /** An end saw its first packets in this window. */
  touch(end: End): void
  /** Bytes that really passed at an end's interface. */
  passed(end: End, at: number, bytes: number): void
}

/** Linux gives an unanswered connection up after about 15 minutes: tcp_retries2 (ip-sysctl). */
const GIVE_UP_MS = 924_600
const LONGEST_BACKOFF_MS = 120_000

/** The first packets; returns whether a connection stands. A SYN without an answer is sent thrice, and all are recorded. */
export function handshake(session: Session, at: number, listens: boolean, wire: Wire): boolean {
  session.out = wire.judge(session, 'out', { opening: true })
  const reached = session.out === 'passes'
  const closing = listens ? {} : { closing: 'rst' as const }
  if (reached) session.back = wire.judge(session, 'back', closing)
  // A datagram needs no answer first: what becomes of it shows when it is sent.
  if (session.near.protocol !== TCP) return true
  const tries = reached && session.back === 'passes' ? 1 : 3
  carry(session, 'out', at, tries, tries * 60, SYN, wire)
  if (!reached) return false
  const answered = listens
    ? carry(session, 'back', at, tries, tries * 60, SYN | ACK, wire)
    : carry(session, 'back', at, tries, tries * 40, RST, wire)
  if (!listens || !answered) return false
  carry(session, 'out', at, 1, BARE, 0, wire)
  return true
}

/** Plays everything that is due up to and including `to`. */
export function advance(session: Session, to: number, wire: Wire): void {
  while (session.endedAt === undefined && session.due <= to) {
    const at = session.due
    if (!session.coming) {
      end(session, at, wire)
      return
    }
    play(session, session.coming, at, wire)
    plan(session)
  }
}

/** Asks the shape for the next exchange; where there is none the FIN follows at once. */
export function plan(session: Session): void {
  session.coming = session.shape(session.due - session.openedAt)
  session.due += session.coming?.wait ?? 1
}

/** Both sides say FIN, by the ways as they were last judged. */
export function end(session: Session, at: number, wire: Wire): void {
  session.endedAt = at
  if (session.near.protocol !== TCP || !isFlowing(session)) return
  carry(session, 'out', at, 2, 2 * BARE, FIN, wire)
  carry(session, 'back', at, 2, 2 * BARE, FIN, wire)
  wire.judge(session, 'out', { closing: 'fin' })
  wire.judge(session, 'back', { closing: 'fin' })
}

/** The near side drops the connection, as a scanner does once it knows that a port is open. */
export function reset(session: Session, at: number, wire: Wire): void {
  session.endedAt = at
  session.out = wire.judge(session, 'out', { closing: 'rst' })
  carry(session, 'out', at, 1, 40, RST, wire)
}

export function isFlowing({ out, back }: Session): boolean {
  return out === 'passes' && back === 'passes'
}

function play(session: Session, given: Exchange, at: number, wire: Wire): void {
  if (wire.isStale(session, at)) {
    session.out = wire.judge(session, 'out')
    session.back = wire.judge(session, 'back')
  }
  if (isFlowing(session)) {
    session.stalled = undefined
    carry(session, 'out', at, given.packetsOut, given.bytesOut, 0, wire)
    carry(session, 'back', at, given.packetsIn, given.bytesIn, 0, wire)
    return
  }
  session.stalled ??= { since: at, retryAt: at, backoff: 1000 }
  const { stalled } = session
  if (at - stalled.since > GIVE_UP_MS) {
    session.endedAt = at
    return
  }
  if (at < stalled.retryAt) return
  stalled.retryAt = at + stalled.backoff
  stalled.backoff = Math.min(LONGEST_BACKOFF_MS, stalled.backoff * 2)
  // Whoever has something to say sends one packet again; the other side acknowledges what reaches it.
  const [first, second, bytes]: [Direction, Direction, number] =
    given.by === 'local'
      ? ['out', 'back', given.bytesOut / Math.max(1, given.packetsOut)]
      : ['back', 'out', given.bytesIn / Math.max(1, given.packetsIn)]
  if (carry(session, first, at, 1, Math.round(bytes), 0, wire)) carry(session, second, at, 1, BARE, 0, wire)
}

/** Notes packets wherever an interface sees them. Returns whether they arrived. */
function carry(
  session: Session,
  direction: Direction,
  at: number,
  packets: number,
  bytes: number,
  flags: number,
  wire: Wire,
): boolean {
  const { near, far } = session
  const [sender, receiver] = direction === 'out' ? [near, far] : [far, near]
  const way = session[direction]
  if (way === 'unsent') return false
  if (sender) note(sender, 'egress', way !== 'refused', at, packets, bytes, flags, wire)
  if (way === 'refused' || way === 'lost') return false
  if (receiver) note(receiver, 'ingress', way === 'passes', at, packets, bytes, flags, wire)
  if (way === 'stopped') return false
  const total = direction === 'out' ? session.sent : session.received
  total.packets += packets
  total.bytes += bytes
  return true
}

function note(
  end: End,
  direction: 'ingress' | 'egress',
  accepted: boolean,
  at: number,
  packets: number,
  bytes: number,
  flags: number,
  wire: Wire,
): void {
  const tally = accepted ? end[direction].accepted : end[direction].rejected
  tally.packets += packets
  tally.bytes += bytes
  tally.flags |= flags
  if (!end.touched) wire.touch(end)
  if (accepted) wire.passed(end, at, bytes)
}
