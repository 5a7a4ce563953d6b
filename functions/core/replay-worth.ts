import { wordOfAddress } from './address.ts'
import { type Conversation, conversationKey } from './conversation.ts'
import { foldRecords } from './conversation-shape.ts'
import * as table from './conversation-table.ts'
import { type Glimpse, glimpse, glimpseOfRow } from './glimpse.ts'
import { distinct, hashText } from './hash.ts'
import type { InstanceState } from './instance-state.ts'
import type { Names } from './names.ts'

/** Which conversations of a replay a decision may rest on: most of them get no view. */

export interface Worth {
  /** The most points of a conversation, novelty left out. */
  points(seen: Glimpse): number
  /** The most that a peer's novelty adds, and the most that any peer's does. */
  novelty(peer: string): number
  readonly mostNovelty: number
  /** Points below which a conversation is no part of any decision, and below which none is news. */
  readonly least: number
  readonly news: number
  /** Targets inside in five minutes below which probing is none. */
  readonly targets: number
  /** Encoded names under a suffix below which it is no tunnel. */
  readonly encodedNames: number
}

/**
 * Rules look at conversations with outer peers, and at the newest record of all. `asked`: something else is to be judged, so
 * that all count which are part of a decision; else none does unless one is news.
 */
export function worthJudging(
  held: table.ConversationTable,
  at: (index: number) => Conversation,
  state: InstanceState,
  now: number,
  worth: Worth,
  asked: boolean,
): Map<string, Conversation> {
  const { floor } = state
  const named = new Set<number>()
  // Names that no rule knows clear a conversation or leave it as it is.
  for (const { addresses, kept } of state.names.names.values())
    if (kept) for (const address of addresses.keys()) named.add(peerOf(address))
  let anyProven = false
  let anyGuessed = false
  let newest = -1
  let horizon = 0
  for (let index = 0; index < held.size; index++) {
    const last = held.last[index] ?? 0
    if (last > horizon) {
      horizon = last
      newest = index
    }
    if (table.isProven(held, index)) anyProven = true
    else anyGuessed = true
  }
  // A guess by ports may turn out to be a part of what a SYN proved: then only the whole tells.
  const mixed = anyProven && anyGuessed ? mixedPeers(held) : new Set<number>()
  const promises = new Map<number, number>()
  const candidates: Candidate[] = []
  for (let index = 0; index < held.size; index++) {
    const peer = held.peers[index] ?? 0
    // A name that leads to any conversation is not one that was only asked for.
    const isNamed = named.size > 0 && named.has(peer)
    const isMixed = mixed.size > 0 && mixed.has(peer)
    if (!isNamed && !table.isOuter(held, index)) continue
    if (!isNamed && !isMixed && !table.isService(held.looks[index] ?? 0)) continue
    const known = table.takeBound(held, index)
    const most = isNamed || isMixed || known === table.UNKNOWN || known === UNBOUNDED ? Number.POSITIVE_INFINITY : known
    if (most <= 0) continue
    candidates.push({ index, points: isNamed || isMixed ? most : undefined })
    promises.set(peer, (promises.get(peer) ?? 0) + most)
  }
  function reaches({ index }: Candidate, points: number): boolean {
    const promised = promises.get(held.peers[index] ?? 0) ?? 0
    if (promised >= points) return true
    if (promised + worth.mostNovelty < points) return false
    return promised + worth.novelty(table.peerAt(held, index)) >= points
  }
  /** Puts what they are worth now in the place of their bounds. Of conversations with one peer each may add what the other lacks. */
  function weigh(some: readonly Candidate[]): void {
    for (const { index } of some) promises.set(held.peers[index] ?? 0, 0)
    for (const one of some) {
      one.points ??= pointsOf(held, one.index, { now, floor, horizon }, worth)
      const peer = held.peers[one.index] ?? 0
      promises.set(peer, (promises.get(peer) ?? 0) + one.points)
    }
  }
  const kept = new Map<string, Conversation>()
  if (!asked) {
    const peers = new Set(candidates.filter(one => reaches(one, worth.news)).map(({ index }) => held.peers[index]))
    const promising = peers.size === 0 ? [] : candidates.filter(({ index }) => peers.has(held.peers[index]))
    weigh(promising)
    if (!promising.some(one => reaches(one, worth.news))) return kept
  }
  weigh(candidates)
  function keep(index: number): void {
    const one = at(index)
    foldRecords(one, floor)
    kept.set(conversationKey(one, one.protocol), one)
  }
  for (const one of candidates) if (one.points !== 0 && reaches(one, worth.least)) keep(one.index)
  if (newest >= 0 && kept.size > 0) keep(newest)
  return kept
}

interface Candidate {
  readonly index: number
  points: number | undefined
}

/** Whatever is open stays so. */
const LATER = Number.POSITIVE_INFINITY
/** The most that can stand in a table's column. */
const UNBOUNDED = 0x7fff

/** Keeps how many points a conversation may have now, and before its next record: what varies may get steady. */
export function noteBounds(
  held: table.ConversationTable,
  index: number,
  when: { readonly now: number; readonly floor: number },
  points: Worth['points'],
): void {
  const one = held.full[index]
  const seen = one ? glimpse(one, { ...when, horizon: LATER }) : glimpseOfRow(held, index)
  held.points[index] = seen ? Math.min(points(seen), UNBOUNDED) : UNBOUNDED
  if (seen) seen.cv = Number.NEGATIVE_INFINITY
  held.later[index] = seen ? Math.min(points(seen), UNBOUNDED) : UNBOUNDED
}

function pointsOf(
  held: table.ConversationTable,
  index: number,
  when: { readonly now: number; readonly floor: number; readonly horizon: number },
  worth: Worth,
): number {
  const one = held.full[index]
  // A single record tells the same whenever it is looked at.
  if (!one) return worth.points(glimpseOfRow(held, index))
  const seen = glimpse(one, when)
  return seen ? worth.points(seen) : Number.POSITIVE_INFINITY
}

/** An address as it stands in a table. */
export function peerOf(address: string): number {
  const word = wordOfAddress(address)
  return word < 0 ? hashText(address) : word
}

function mixedPeers(held: table.ConversationTable): ReadonlySet<number> {
  const proven = new Set<number>()
  const guessed = new Set<number>()
  for (let index = 0; index < held.size; index++)
    (table.isProven(held, index) ? proven : guessed).add(held.peers[index] ?? 0)
  return proven.intersection(guessed)
}

/** Whether a rule has anything to say of the names. */
export function mayName({ names, suffixes }: Names, encodedNames: number): boolean {
  for (const { kept } of names.values()) if (kept) return true
  for (const { encoded } of suffixes.values())
    if (distinct(encoded[0]) + distinct(encoded[1]) >= encodedNames) return true
  return false
}
