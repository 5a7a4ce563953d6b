import { addressOfWord, wordOfAddress } from './address.ts'
import {
  type Conversation,
  conversationKey,
  filedMinute,
  isTheirs,
  NO_FLAGS,
  provenBy,
  seenBy,
  WINDOW_MINUTES,
} from './conversation.ts'
import { shrink } from './conversation-eviction.ts'
import { conversationAt, lent, makeEmpty } from './conversation-rows.ts'
import { fold, foldRecords, tidy } from './conversation-shape.ts'
import * as table from './conversation-table.ts'
import type { Flow } from './flow.ts'
import * as row from './flow-rows.ts'
import { countBits, hashWord, linearCount } from './hash.ts'
import { addSeen, BOUNDS, type InstanceState, isForgotten, isLongAgo, newState, settleRest } from './instance-state.ts'
import { addProbe, isProbe, MOST_PROBE_PACKETS, noProbes, PROBE_BYTES, PROBE_MINUTES } from './probes.ts'
import { mayName, noteBounds, peerOf, type Worth, worthJudging } from './replay-worth.ts'

/**
 * An instance's state as a replay holds it: conversations in a table that is found by numbers, the rest as the functions have
 * it. That the logs covered an interface proves a cut, and a replay has none, so it is not kept.
 */
export interface HeldState {
  /** Without its conversations. */
  readonly state: InstanceState
  /** Conversations that were begun, those too that were begun again after they had left. */
  begun(): number
  add(flow: Flow, out: boolean): void
  /** The same for a row of an interface's own log. */
  addRow(words: Uint32Array, at: number, out: boolean): void
  /** Takes what another has and this one lacks. */
  take(other: HeldState): void
  /** Settles the state and gives as much of it as a decision may rest on; `undefined` where none can. */
  settled(now: number, worth: Worth): InstanceState | undefined
  /** The state with all its conversations, settled as far as `settled` was last asked to. */
  whole(): InstanceState
  /**
   * Looks at what got records since the last time, and calls for each outer peer that the instance sent to and that was not
   * told in its generation yet. `points`: as in `Worth`.
   */
  look(now: number, points: Worth['points'], told: (address: number | string, at: number) => void): void
}

/** Minutes that records may stand behind the window before they are folded: folding costs a copy. */
const UNFOLDED = 8
/** Rows that may wait to be added: of a fleet most instances have few. */
const PENDING = { first: 32, most: 512 } as const
/** In a waiting row's traits: the instance is its source. */
const SENT = 1 << 21
const DAY = 86_400

/** The window's first minute. */
const floorOf = ({ floor, watermark }: InstanceState): number => Math.max(floor, watermark - WINDOW_MINUTES + 1, 0)

export function heldState(interfaces: () => readonly string[] = () => []): HeldState {
  const state = newState()
  const held = table.newTable()
  let pending = new Uint32Array(PENDING.first * row.ROW)
  let waiting = 0
  let begun = 0

  function counted(): void {
    begun++
    // A scan between two judgements must not need the memory of all its targets.
    if (held.size > 4 * BOUNDS.conversations)
      state.leftOpenAt = Math.max(state.leftOpenAt, shrink(held, 2 * BOUNDS.conversations))
  }

  const at = (index: number) => conversationAt(held, index, interfaces())

  /** Adds the rows that wait. An instance's rows together find its conversations in the processor's cache. */
  function flush(): void {
    const end = waiting
    waiting = 0
    for (let from = 0; from < end; from += row.ROW)
      addNow(pending, from, ((pending[from + row.TRAITS] ?? 0) & SENT) !== 0)
  }

  function makeRoom(): void {
    if (pending.length >= PENDING.most * row.ROW) flush()
    else {
      const larger = new Uint32Array(2 * pending.length)
      larger.set(pending)
      pending = larger
    }
  }

  function addNow(words: Uint32Array, from: number, out: boolean): void {
    const traits = words[from + row.TRAITS] ?? 0
    const end = words[from + row.END] ?? 0
    const minute = Math.floor(Math.max(words[from + row.START] ?? 0, end - 900) / 60)
    if (minute > state.watermark) state.watermark = minute
    if (!out && !(traits & row.ACCEPTED)) return
    const ports = words[from + row.PORTS] ?? 0
    const peer = words[from + (out ? row.DESTINATION : row.SOURCE)] ?? 0
    const ourPort = out ? ports >>> 16 : ports & 0xffff
    const theirPort = out ? ports & 0xffff : ports >>> 16
    const flags = traits & row.FLAGS_KNOWN ? (traits >> row.FLAGS_SHIFT) & 0x1ff : NO_FLAGS
    const theirs = isTheirs(provenBy(traits & 0xff, flags, true, out, false), ourPort, theirPort)
    const look = table.lookOf(theirs ? theirPort : ourPort, traits & 0xff, theirs)
    const known = table.find(held, peer, look)
    const mayProbe =
      out && theirs && ((words[from + row.PACKETS] ?? 0) <= MOST_PROBE_PACKETS || !(traits & row.ACCEPTED))
    if (known < 0 && minute >= state.floor) {
      const index = table.insertRow(held, peer, look, words, from, out)
      if (mayProbe) probe(lent(words, from, out, interfaces()).flow, peer, table.isOuter(held, index))
      counted()
      return
    }
    const index = known < 0 ? table.insertRow(held, peer, look, words, from, out) : known
    if (known < 0) makeEmpty(held, index, interfaces())
    const conversation = at(index)
    const { flow, seen } = lent(words, from, out, interfaces())
    // Only what may be a probe is asked for its target.
    if (mayProbe) flow.destination = addressOfWord(peer)
    addSeen(state, conversation, flow, seen)
    table.refresh(held, index)
    if (known < 0) counted()
  }

  function probe(flow: Flow, peer: number, outer: boolean): void {
    if (isProbe(flow, outer)) addProbe(state.probes, flow, outer, hashWord(peer, 0))
  }

  function forget(now: number): void {
    let gone: Uint8Array | undefined
    for (let index = 0; index < held.size; index++) {
      const last = held.last[index] ?? 0
      if (isLongAgo(last, now) && isForgotten(held.full[index], last, now)) {
        gone ??= new Uint8Array(held.size)
        gone[index] = 1
        continue
      }
      if (table.isConnected(held, index)) tidy(at(index), state.floor, BOUNDS.connections)
      if ((held.oldest[index] ?? 0) < state.floor - UNFOLDED) {
        foldRecords(at(index), state.floor)
        table.oldestChanged(held, index)
      }
    }
    if (gone) table.remove(held, index => gone[index] === 1)
    state.leftOpenAt = Math.max(state.leftOpenAt, shrink(held, BOUNDS.conversations))
  }

  function* all(): Generator<Conversation> {
    for (let index = 0; index < held.size; index++) yield at(index)
  }

  function peers(): (address: string) => boolean {
    const words = new Set(held.peers.subarray(0, held.size))
    return address => words.has(peerOf(address))
  }

  function whole(): InstanceState {
    flush()
    const conversations = new Map<string, Conversation>()
    for (const one of all()) {
      fold(one, state.floor, BOUNDS.connections)
      conversations.set(conversationKey(one, one.protocol), one)
    }
    return { ...state, conversations }
  }

  return {
    state,
    begun() {
      flush()
      return begun
    },
    whole,
    add(flow, out) {
      flush()
      state.watermark = Math.max(state.watermark, filedMinute(flow))
      if (!out && !flow.accepted) return
      const seen = seenBy(flow, out)
      const { index, begun } = table.indexOf(held, seen, flow.protocol)
      addSeen(state, at(index), flow, seen)
      table.refresh(held, index)
      if (begun) counted()
    },
    addRow(words, from, out) {
      if (waiting === pending.length) makeRoom()
      for (let word = 0; word < row.TRAITS; word++) pending[waiting + word] = words[from + word] ?? 0
      pending[waiting + row.TRAITS] = (words[from + row.TRAITS] ?? 0) | (out ? SENT : 0)
      waiting += row.ROW
    },
    take(other) {
      flush()
      for (const [key, one] of other.whole().conversations) table.put(held, key, one)
    },
    settled(now, worth) {
      flush()
      state.floor = floorOf(state)
      forget(now)
      settleRest(state, now, BOUNDS, { all, peers })
      const { names, alerts, host } = state
      // What the host says stands beside every conversation.
      if (host.calls.size + host.loads.size > 0) return whole()
      const few = mostTargets(state) < worth.targets
      const quiet = few && alerts.size === 0 && !mayName(names, worth.encodedNames)
      const conversations = worthJudging(held, at, state, now, worth, !quiet)
      if (quiet && conversations.size === 0) return undefined
      return { ...state, conversations, probes: few ? noProbes() : state.probes }
    },
    look(now, points, told) {
      flush()
      state.floor = floorOf(state)
      table.takeFresh(held, index => {
        if (!table.isOuter(held, index) || !table.isService(held.looks[index] ?? 0)) return
        // Now its records are in the processor's cache.
        noteBounds(held, index, { now, floor: state.floor }, points)
        if (!(table.waysOf(held, index) & 1)) return
        const passed = table.passedOf(held, index)
        const generation = (Math.floor(passed / DAY) + 1) & 0xffff
        if (held.noted[index] === generation) return
        held.noted[index] = generation
        const one = held.full[index]
        told(one && wordOfAddress(one.peer) < 0 ? one.peer : (held.peers[index] ?? 0), passed)
      })
    },
  }
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
