import { isExternal } from './address.ts'
import {
  type Conversation,
  conversationKey,
  newConversation,
  OUR_ANSWER,
  OUR_SYN,
  type Seen,
  seenBy,
  THEIR_ANSWER,
  THEIR_SYN,
} from './conversation.ts'
import type { Flow } from './flow.ts'
import { type Glimpse, glimpse } from './glimpse.ts'
import { countBits, linearCount } from './hash.ts'
import { addFlow, addSeen, BOUNDS, evict, type InstanceState, newState, settle } from './instance-state.ts'
import { noProbes, PROBE_BYTES, PROBE_MINUTES } from './probes.ts'

/** An instance's state with what makes adding and judging cheap: an index by numbers, and a look before each judgement. */
export interface HeldState {
  readonly state: InstanceState
  /** Conversations that were begun, those too that were begun again after they had left. */
  begun(): number
  add(flow: Flow, out: boolean): void
  /** Settles the state and gives as much of it as a decision may rest on; `undefined` where none can. */
  settled(now: number, worth: Worth): InstanceState | undefined
}

interface Worth {
  /** The most points of a conversation, novelty left out. */
  points(seen: Glimpse): number
  /** The most that a peer's novelty adds. */
  novelty(peer: string): number
  /** Points below which there is no decision. */
  readonly least: number
  /** Targets inside in five minutes below which probing is none. */
  readonly targets: number
}

const SYN_SEEN = OUR_SYN | THEIR_SYN | OUR_ANSWER | THEIR_ANSWER
const MAX_KNOWN = 50_000
const MAX_SCANNED = 8

const outer = new Map<string, boolean>()

function isOuter(peer: string): boolean {
  const known = outer.get(peer)
  if (known !== undefined) return known
  if (outer.size >= MAX_KNOWN) outer.clear()
  const is = isExternal(peer)
  outer.set(peer, is)
  return is
}

function isOf(one: Conversation, { port, service }: Seen, protocol: number): boolean {
  return one.port === port && one.protocol === protocol && one.service === service
}

export function heldState(): HeldState {
  const state = newState()
  /** By peer: its one conversation, or all of them. */
  const index = new Map<string, Conversation | Conversation[]>()
  let begun = 0

  function conversationOf(seen: Seen, protocol: number): Conversation {
    const known = index.get(seen.peer)
    if (known !== undefined) {
      if (!Array.isArray(known)) {
        if (isOf(known, seen, protocol)) return known
      } else for (const one of known) if (isOf(one, seen, protocol)) return one
    }
    const key = conversationKey(seen, protocol)
    let one = state.conversations.get(key)
    if (!one) {
      begun++
      one = newConversation(seen, protocol)
      state.conversations.set(key, one)
    }
    if (known === undefined) index.set(seen.peer, one)
    else if (!Array.isArray(known)) index.set(seen.peer, [known, one])
    else if (known.length < MAX_SCANNED) known.push(one)
    return one
  }

  return {
    state,
    begun: () => begun,
    add(flow, out) {
      if (!out && !flow.accepted) {
        addFlow(state, flow, out)
        return
      }
      const seen = seenBy(flow, out)
      addSeen(state, conversationOf(seen, flow.protocol), flow, seen)
      // A scan between two judgements must not need the memory of all its targets.
      if (state.conversations.size > 4 * BOUNDS.conversations) {
        evict(state, 2 * BOUNDS.conversations)
        index.clear()
      }
    },
    settled(now, worth) {
      settle(state, now)
      index.clear()
      const { names, alerts, host } = state
      // What the host says stands beside every conversation.
      if (host.calls.size + host.loads.size > 0) return state
      const conversations = worthJudging(state, now, worth)
      const few = mostTargets(state) < worth.targets
      if (few && conversations.size + names.names.size + alerts.size === 0) return undefined
      return { ...state, conversations, probes: few ? noProbes() : state.probes }
    },
  }
}

/** Rules look at conversations with outer peers, and at the newest record of all. */
function worthJudging(state: InstanceState, now: number, worth: Worth): Map<string, Conversation> {
  const { conversations, floor } = state
  const named = new Set(state.names.names.values().flatMap(({ addresses }) => addresses.keys()))
  let anyProven = false
  let anyGuessed = false
  let newest: [string, Conversation] | undefined
  for (const entry of conversations) {
    const [, one] = entry
    if (!newest || one.last > newest[1].last) newest = entry
    if (one.proven & SYN_SEEN) anyProven = true
    else anyGuessed = true
  }
  // A guess by ports may turn out to be a part of what a SYN proved: then only the whole tells.
  const mixed = anyProven && anyGuessed ? mixedPeers(conversations) : new Set<string>()
  const horizon = newest?.[1].last ?? 0
  const promises = new Map<string, number>()
  const candidates: [string, Conversation][] = []
  for (const entry of conversations) {
    const [, one] = entry
    const { peer } = one
    if (outer.get(peer) === false || (one.service === 'ours' && !mixed.has(peer))) continue
    const seen = mixed.has(peer) || named.has(peer) ? undefined : glimpse(one, { now, floor, horizon })
    const points = seen ? worth.points(seen) : Number.POSITIVE_INFINITY
    if (points <= 0 || !isOuter(peer)) continue
    candidates.push(entry)
    // Of conversations with one peer each may add what the other lacks.
    promises.set(peer, (promises.get(peer) ?? 0) + points)
  }
  const reaches = (peer: string, points: number) => points >= worth.least || points + worth.novelty(peer) >= worth.least
  const kept = new Map(candidates.filter(([, { peer }]) => reaches(peer, promises.get(peer) ?? 0)))
  if (newest && kept.size > 0) kept.set(...newest)
  return kept
}

function mixedPeers(conversations: ReadonlyMap<string, Conversation>): ReadonlySet<string> {
  const proven = new Set<string>()
  const guessed = new Set<string>()
  for (const one of conversations.values()) {
    if (one.proven & SYN_SEEN) proven.add(one.peer)
    else guessed.add(one.peer)
  }
  return proven.intersection(guessed)
}

/** No five minutes have more targets than this. */
function mostTargets({ probes: { internal } }: InstanceState): number {
  if (internal.size === 0) return 0
  let most = 0
  const counts = new Map([...internal].map(([minute, { targets }]) => [minute, countBits(targets)]))
  for (const minute of counts.keys()) {
    let sum = 0
    for (let at = minute; at < minute + PROBE_MINUTES; at++) sum += counts.get(at) ?? 0
    most = Math.max(most, sum)
  }
  return linearCount(most, PROBE_BYTES.targets * 8)
}
