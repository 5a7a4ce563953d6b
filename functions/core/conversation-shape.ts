import { isOpen, tidyConnections } from './connections.ts'
import {
  type Conversation,
  count,
  EQUAL_PORTS,
  isClosed,
  minuteOf,
  NOTHING_FOLDED,
  noSums,
  OUR_SYN,
  type Sums,
  THEIR_SYN,
  WINDOW_MINUTES,
} from './conversation.ts'
import { FIN, RST, SYN } from './flow.ts'
import { countBits, linearCount } from './hash.ts'
import { FIREWALL, IN, MARK, OUT, REFUSED, STRIDE } from './records.ts'
import type { ConversationView, Initiator, Minute, NameView, Opening, Setup, SetupView } from './rule.ts'

const HALF_DAY_MINUTES = 720
const MAX_SETUPS = 16

type Draft = { -readonly [K in keyof Minute]: Minute[K] }

/** The minutes of the records before entry `end`, of one source only: a firewall's records are of the same packets. */
function minutesOf(records: readonly number[], source: number, end = records.length): Minute[] {
  const minutes: Draft[] = []
  let draft: Draft | undefined
  for (let at = 0; at < end; at += STRIDE) {
    const slot = records[at] ?? 0
    if ((slot & FIREWALL) !== source) continue
    const minute = Math.floor(slot / 8)
    if (draft?.minute !== minute) {
      draft = {
        minute,
        span: 1,
        packetsOut: 0,
        packetsIn: 0,
        bytesOut: 0,
        bytesIn: 0,
        refused: 0,
        opened: false,
        closed: false,
      }
      minutes.push(draft)
    }
    const mark = records[at + 1] ?? 0
    const packets = records[at + 2] ?? 0
    const bytes = records[at + 3] ?? 0
    const way = slot & 3
    draft.span = Math.max(draft.span, (mark >> MARK.span) & 15)
    if (way === REFUSED) draft.refused++
    else if (way === OUT) {
      draft.packetsOut += packets
      draft.bytesOut += bytes
      draft.opened ||= isAsking(mark)
    } else {
      draft.packetsIn += packets
      draft.bytesIn += bytes
    }
    if (way !== REFUSED) draft.closed ||= isEnding(mark)
  }
  return minutes
}

const flagsOf = (mark: number) => (mark >> MARK.flags) & 15
const isAsking = (mark: number) => (flagsOf(mark) & SYN) !== 0 && (flagsOf(mark) & 8) === 0
const isEnding = (mark: number) => (flagsOf(mark) & (FIN | RST)) !== 0

/** Openings of ours before entry `end`, each with the answer's record of the same or the next minute by the client's port. */
function setupsOf(records: readonly number[], source: number, end = records.length): Setup[] {
  const setups: Setup[] = []
  for (let at = 0; at < end; at += STRIDE) {
    const slot = records[at] ?? 0
    const mark = records[at + 1] ?? 0
    if ((slot & 7) !== source + OUT || !isAsking(mark)) continue
    const minute = Math.floor(slot / 8)
    const setup = {
      at: minute * 60,
      packetsOut: records[at + 2] ?? 0,
      bytesOut: records[at + 3] ?? 0,
      packetsIn: 0,
      bytesIn: 0,
      closed: isEnding(mark),
    }
    for (let other = at + STRIDE; other < records.length; other += STRIDE) {
      const answer = records[other] ?? 0
      if (answer > (minute + 1) * 8 + 7) break
      const answerMark = records[other + 1] ?? 0
      if ((answer & 7) !== source + IN || ((answerMark ^ mark) & MARK.port) !== 0) continue
      setup.packetsIn = records[other + 2] ?? 0
      setup.bytesIn = records[other + 3] ?? 0
      setup.closed ||= isEnding(answerMark)
      break
    }
    setups.push(setup)
  }
  return setups
}

/** Openings that are told: the oldest, which began the conversation, and the newest. */
const OLDEST_OPENINGS = 4
const NEWEST_OPENINGS = 4

/**
 * When we opened connections: within the record that bears our SYN, from its start where the connection is still known,
 * else from its minute on.
 */
export function openingsOf(conversation: Conversation): Opening[] {
  const { proven, service, connections, records, setup } = conversation
  if (!(proven & OUR_SYN) || service !== 'theirs') return []
  const exact = new Set([...connections.values()].map(({ opened }) => opened).filter(opened => opened > 0))
  const minutes = new Set([...exact].map(minuteOf))
  const spans = new Map<number, number>()
  for (let at = 0; at < records.length; at += STRIDE)
    if (isAsking(records[at + 1] ?? 0))
      spans.set(Math.floor((records[at] ?? 0) / 8), ((records[at + 1] ?? 0) >> MARK.span) & 15)
  const others = [...(setup ? [setup] : []), ...setupsOf(records, sourceOf(conversation))]
    .map(({ at }) => at)
    .filter(at => !minutes.has(minuteOf(at)))
  const all = [...exact, ...new Set(others)]
    .map(from => ({ from, to: from + 60 * (spans.get(minuteOf(from)) ?? 1) - 1 }))
    .toSorted((a, b) => a.from - b.from)
  if (all.length <= OLDEST_OPENINGS + NEWEST_OPENINGS) return all
  return [...all.slice(0, OLDEST_OPENINGS), ...all.slice(-NEWEST_OPENINGS)]
}

/** Which log to believe: an interface's own where there is one. */
function sourceOf({ records, folded }: Conversation): number {
  if (folded[0].records > 0) return 0
  for (let at = 0; at < records.length; at += STRIDE) if (((records[at] ?? 0) & FIREWALL) === 0) return 0
  return FIREWALL
}

/** Folds what left the window into the sums. What is folded cannot be told from a repeated record any more. */
export function fold(conversation: Conversation, floorMinute: number, openAtMost?: number): void {
  tidy(conversation, floorMinute, openAtMost)
  foldRecords(conversation, floorMinute)
}

/** Forgets connections (connections.ts). */
export function tidy(conversation: Conversation, floorMinute: number, openAtMost?: number): void {
  if (conversation.connections.size === 0) return
  const forgotten = tidyConnections(conversation.connections, floorMinute, openAtMost)
  conversation.forgottenOpen = Math.max(conversation.forgottenOpen, forgotten)
}

export function foldRecords(conversation: Conversation, floorMinute: number): void {
  const { records } = conversation
  let end = 0
  while (end < records.length && Math.floor((records[end] ?? 0) / 8) < floorMinute) end += STRIDE
  if (end === 0) return
  const source = sourceOf(conversation)
  conversation.setup ??= setupsOf(records, source, end)[0]
  for (const minute of minutesOf(records, source, end)) {
    const driver = isDriverOutside(minute) ? minute.span : 0
    const stratum = isStratumShaped(minute) ? minute.span : 0
    if (driver + stratum > 0) count(conversation, Math.floor(minute.minute / HALF_DAY_MINUTES), driver, stratum)
  }
  if (conversation.folded === NOTHING_FOLDED) conversation.folded = [noSums(), noSums()]
  sum(conversation.folded, records, end)
  // By hand: splice returns what it takes out as a new array, and copyWithin is ten times slower on an array of numbers.
  for (let at = end; at < records.length; at++) records[at - end] = records[at] ?? 0
  records.length -= end
}

function sum(into: readonly [Sums, Sums], records: readonly number[], end: number): void {
  for (let at = 0; at < end; at += STRIDE) {
    const slot = records[at] ?? 0
    const sums = slot & FIREWALL ? into[1] : into[0]
    const way = slot & 3
    if (way === REFUSED) sums.refused++
    else {
      sums.records++
      sums[way === OUT ? 'packetsOut' : 'packetsIn'] += records[at + 2] ?? 0
      sums[way === OUT ? 'bytesOut' : 'bytesIn'] += records[at + 3] ?? 0
    }
  }
}

/**
 * Somebody outside types and the answers go out: more and small packets come in (measured on OpenSSH 9.2: 2 to 1 and 70 B;
 * from inside it is the other way round). Under 10 packets a minute the ratio says nothing.
 */
export function isDriverOutside({ span, packetsIn, packetsOut, bytesIn }: Minute): boolean {
  return packetsIn >= 10 * span && packetsIn >= 1.5 * packetsOut && packetsOut > 0 && bytesIn < 110 * packetsIn
}

/** The stratum candidate of 52 captured miners; a tenth of ordinary long TLS flows has it too. */
export function isStratumShaped({ span, packetsOut, packetsIn, bytesOut, bytesIn }: Minute): boolean {
  if (packetsOut === 0 || packetsIn === 0) return false
  const out = bytesOut / packetsOut
  const back = bytesIn / packetsIn
  return (
    packetsOut <= 70 * span &&
    bytesOut <= 6000 * span &&
    bytesIn >= 100 * span &&
    bytesIn <= 20_000 * span &&
    out >= 38 &&
    out <= 160 &&
    back >= 90 &&
    back <= 330
  )
}

/** Runs of minutes in which at least 4 kB and five times as much went out as came in. */
function burstsOf(minutes: readonly Minute[]): number {
  let bursts = 0
  let end = -1
  for (const { minute, span, bytesOut, bytesIn } of minutes) {
    if (bytesOut < 4096 * span || bytesOut < 5 * bytesIn) continue
    if (minute > end) bursts++
    end = minute + span
  }
  return bursts
}

function regularityOf(minutes: readonly Minute[]): ConversationView['regularity'] {
  const both = minutes.filter(({ packetsOut, packetsIn }) => packetsOut > 0 && packetsIn > 0)
  if (both.length < 10) return undefined
  return {
    minutes: both.length,
    cvOut: variation(both.map(({ bytesOut, span }) => bytesOut / span)),
    cvIn: variation(both.map(({ bytesIn, span }) => bytesIn / span)),
  }
}

function variation(values: readonly number[]): number {
  const mean = values.reduce((total, value) => total + value, 0) / values.length
  const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / values.length
  return mean === 0 ? 0 : Math.sqrt(variance) / mean
}

/** Who opened the conversation, by what a SYN proved or else by the ports. */
function initiatorOf({ proven, service, port }: Conversation): Initiator {
  if (proven & OUR_SYN) return { side: 'us', by: 'flags' }
  if (proven & THEIR_SYN) return { side: 'them', by: 'flags' }
  // Equal ports (NTP, IKE, ICMP's zero) or two from the ephemeral range (IANA; Linux begins at 32768) tell nothing.
  if (proven & EQUAL_PORTS || port >= 32_768) return { side: 'unknown', by: 'ports' }
  return { side: service === 'theirs' ? 'us' : 'them', by: 'ports' }
}

/** Flow logs arrive 5 to 10 minutes after the fact, so the window's end lies that far back. */
export const LAG_MINUTES = 15

/**
 * `now` in seconds; `floor`: the first minute of the instance's window. `asked`: whether
 * anybody will look at the openings. `names`: those that belong to the peer.
 */
export function viewOf(
  conversation: Conversation,
  { now, floor, asked = false }: { readonly now: number; readonly floor: number; readonly asked?: boolean },
  names: readonly NameView[],
): ConversationView {
  const { records, folded, clientPorts, setup, halfDay, driver, stratum } = conversation
  const source = sourceOf(conversation)
  const kept = minutesOf(records, source)
  const base = Math.max(floor, minuteOf(now) - WINDOW_MINUTES + 1 - LAG_MINUTES)
  const minutes = kept.filter(({ minute }) => minute >= base)
  const sums: [Sums, Sums] = [{ ...folded[0] }, { ...folded[1] }]
  sum(sums, records, records.length)
  const total = sums[source === FIREWALL ? 1 : 0]
  const recent = setupsOf(records, source).slice(setup ? 1 - MAX_SETUPS : -MAX_SETUPS)
  const today = Math.floor(minuteOf(now) / HALF_DAY_MINUTES)
  const lately = (folded: readonly [number, number], is: (minute: Minute) => boolean) =>
    kept
      .filter(minute => is(minute) && Math.floor(minute.minute / HALF_DAY_MINUTES) >= today - 1)
      .reduce(
        (spans, { span }) => spans + span,
        folded.filter((_, age) => halfDay - age >= today - 1).reduce((a, b) => a + b, 0),
      )
  const bits = new Uint8Array(new Uint32Array(clientPorts).buffer)
  return {
    peer: conversation.peer,
    port: conversation.port,
    protocol: conversation.protocol,
    service: conversation.service,
    initiator: initiatorOf(conversation),
    first: conversation.first,
    last: conversation.last,
    closed: isClosed(conversation),
    established: conversation.ways === 3,
    accepted: total.records,
    refused: total.refused,
    packetsOut: total.packetsOut,
    packetsIn: total.packetsIn,
    bytesOut: total.bytesOut,
    bytesIn: total.bytesIn,
    base,
    activity: activityOf(minutes, base),
    minutes,
    setups: (setup ? [setup, ...recent] : recent).map(one => withState(conversation, one, source)),
    openSince: openSinceOf(conversation, source),
    openings: asked ? openingsOf(conversation) : [],
    driverMinutes: lately(driver, isDriverOutside),
    stratumMinutes: lately(stratum, isStratumShaped),
    bursts: burstsOf(minutes),
    regularity: regularityOf(minutes),
    clientPorts: linearCount(countBits(bits), 64),
    names,
  }
}

/** Of a firewall's records, which come when a connection is over, none; nor where an open one was forgotten. */
function openSinceOf({ connections, forgottenOpen }: Conversation, source: number): number | undefined {
  if (forgottenOpen > 0 || source === FIREWALL) return undefined
  let oldest: number | undefined
  for (const one of connections.values())
    if (one.opened > 0 && isOpen(one)) oldest = Math.min(oldest ?? one.opened, one.opened)
  return oldest
}

/**
 * Whether a connection of that window may still be open: by its own end, since others to the same peer come and go. A
 * firewall tells of a connection when it is over, and from then on only of the conversation.
 */
function withState(conversation: Conversation, setup: Setup, source: number): SetupView {
  const { connections, forgottenOpen } = conversation
  const minute = minuteOf(setup.at)
  const own = () => connections.values().some(one => isOpen(one) && minuteOf(one.opened) === minute)
  return {
    ...setup,
    open: forgottenOpen >= setup.at || (source === FIREWALL ? !isClosed(conversation) : own()),
  }
}

function activityOf(minutes: readonly Minute[], base: number): bigint {
  let activity = 0n
  for (const { minute, span, packetsOut, packetsIn } of minutes) {
    if (packetsOut + packetsIn === 0) continue
    for (let at = minute; at < minute + span; at++)
      if (at >= base && at < base + WINDOW_MINUTES) activity |= 1n << BigInt(at - base)
  }
  return activity
}
