import { isExternal } from './address.ts'
import { MAX_OPEN } from './connections.ts'
import {
  add,
  type Conversation,
  conversationKey,
  filedMinute,
  isClosed,
  merge,
  newConversation,
  note,
  type Seen,
  SYN_SEEN,
  seenBy,
  WINDOW_MINUTES,
} from './conversation.ts'
import { fold } from './conversation-shape.ts'
import type { Alert, Coverage, Flow, Load, NameSeen, ToolCall } from './flow.ts'
import { addWindow, type FlowWindows, tidyWindows, windowList } from './flow-windows.ts'
import { finish, hashAddress, mix } from './hash.ts'
import { addLoad, addToolCall, type Host, MAX_CALLS, noHost, tidyHost } from './host.ts'
import { addName, type Names, noNames, tidyNames } from './names.ts'
import { addProbe, forgetProbes, isProbe, MOST_PROBE_PACKETS, noProbes, type Probes } from './probes.ts'
import type { AlertView } from './rule.ts'
import type { Traffic } from './traffic.ts'

/** All that is known of one instance, in bounded size. Times are seconds since the epoch. */
export interface InstanceState {
  /** The newest minute in which a record began. */
  watermark: number
  /** Records that began before this minute are too late: their minute is folded. */
  floor: number
  readonly conversations: Map<string, Conversation>
  readonly probes: Probes
  readonly names: Names
  readonly alerts: Map<string, AlertView>
  readonly host: Host
  readonly windows: FlowWindows
  /** The newest time of an established, open conversation that the bound made leave; 0 for none. */
  leftOpenAt: number
}

/** What an instance may hold. Smaller bounds follow where its row would be too large. */
export interface Bounds {
  readonly conversations: number
  readonly windowMinutes: number
  readonly connections: number
  readonly names: number | undefined
  readonly calls: number
}

export const BOUNDS: Bounds = {
  conversations: 512,
  windowMinutes: WINDOW_MINUTES,
  connections: MAX_OPEN,
  names: undefined,
  calls: MAX_CALLS,
}

const MAX_ALERTS = 48
/** What was refused, closed or never answered tells nothing any more after this. */
const QUIET_FOR = 86_400
/** EC2's default for an established TCP connection: as long as that a silent one may still be open. */
const OPEN_FOR = 432_000

export function newState(): InstanceState {
  return {
    watermark: 0,
    floor: 0,
    conversations: new Map(),
    probes: noProbes(),
    names: noNames(),
    alerts: new Map(),
    host: noHost(),
    windows: new Map(),
    leftOpenAt: 0,
  }
}

export type Added = 'new' | 'repeated' | 'late'

/** Changes the state. `out`: the instance is the flow's source. */
export function addFlow(state: InstanceState, flow: Flow, out: boolean): Added {
  const minute = filedMinute(flow)
  const late = minute < state.floor
  state.watermark = Math.max(state.watermark, minute)
  // What outsiders try and are refused is the internet's noise: it covers its window and costs nothing else.
  if (!out && !flow.accepted) {
    if (flow.interface !== undefined) cover(state, flow, flow.interface, 0)
    return late ? 'late' : 'new'
  }
  const seen = seenBy(flow, out)
  const key = conversationKey(seen, flow.protocol)
  const conversation = state.conversations.get(key) ?? newConversation(seen, flow.protocol)
  state.conversations.set(key, conversation)
  const added = addSeen(state, conversation, flow, seen)
  if (flow.interface !== undefined)
    cover(state, flow, flow.interface, flow.accepted && added !== 'repeated' ? flow.bytes : 0)
  return added
}

/** The same for a flow whose conversation is known; that the log covered its window is not noted. */
export function addSeen(state: InstanceState, conversation: Conversation, flow: Flow, seen: Seen): Added {
  const minute = filedMinute(flow)
  if (minute > state.watermark) state.watermark = minute
  if (minute < state.floor) {
    // Its minute is folded, so a repeat could not be told and nothing is summed. That a connection ended, or that a byte
    // passed after a cut, is true however late it is said.
    note(conversation, flow, seen)
    return 'late'
  }
  const added = add(conversation, flow, seen)
  // Our own service's answers are no probes of ours, however few their packets.
  if (seen.out && seen.service === 'theirs') probe(state, flow)
  return added ? 'new' : 'repeated'
}

function probe({ probes }: InstanceState, flow: Flow): void {
  if (flow.packets > MOST_PROBE_PACKETS && flow.accepted) return
  const outer = isExternal(flow.destination)
  if (isProbe(flow, outer)) addProbe(probes, flow, outer, hashAddress(flow.destination, 0))
}

function cover({ windows }: InstanceState, flow: Flow, networkInterface: string, acceptedBytes: number): void {
  addWindow(windows, networkInterface, { start: flow.start, end: flow.end, status: 'ok', acceptedBytes })
}

export function addCoverage(state: InstanceState, { interface: id, start, end, status }: Coverage): void {
  addWindow(state.windows, id, { start, end, status, acceptedBytes: 0 })
}

export function addSeenName(state: InstanceState, seen: NameSeen, kept: boolean): void {
  addName(state.names, seen, kept)
}

/** `out`: the instance is the alert's source; `undefined` where the alert names only the instance. */
export function addAlert(state: InstanceState, alert: Alert, out: boolean | undefined): void {
  const outbound = out ?? true
  const peer = outbound ? alert.destination : alert.source
  const port = outbound ? alert.destinationPort : alert.sourcePort
  const rule = alert.rule.slice(0, 256)
  const { kind, name, protocol } = alert
  const key = alertKey({ kind, rule, peer: peer === '' ? undefined : peer, port, protocol, outbound, name })
  const before = state.alerts.get(key)
  state.alerts.set(key, {
    kind: alert.kind,
    rule,
    peer: peer === '' ? undefined : peer,
    port,
    protocol: alert.protocol,
    blocked: alert.blocked && (before?.blocked ?? true),
    outbound,
    // The stronger word, whichever came first.
    own: before?.own === 'connection' || alert.own === 'connection' ? 'connection' : (before?.own ?? alert.own),
    name: alert.name,
    first: Math.min(before?.first ?? alert.time, alert.time),
    last: Math.max(before?.last ?? 0, alert.time),
  })
}

/** What is alerted about once, however often. */
export function alertKey(
  alert: Pick<AlertView, 'kind' | 'rule' | 'peer' | 'port' | 'protocol' | 'outbound' | 'name'>,
): string {
  const { kind, rule, peer = '', port, protocol, outbound, name = '' } = alert
  return `${kind} ${rule} ${peer} ${port} ${protocol} ${outbound} ${name}`
}

export function addCall(
  state: InstanceState,
  call: ToolCall,
  conversations: () => Iterable<Conversation> = () => state.conversations.values(),
): void {
  addToolCall(state.host, call)
  // One delivery may tell of thousands.
  if (state.host.calls.size > 16 * MAX_CALLS) tidyHost(state.host, call.end, conversations(), 8 * MAX_CALLS)
}

export function addBusy(state: InstanceState, load: Load): void {
  addLoad(state.host, load)
}

/** Folds what left the window, forgets what is old and brings the state under its bounds. `now` in seconds. */
export function settle(state: InstanceState, now: number, bounds: Bounds = BOUNDS): void {
  state.floor = Math.max(state.floor, state.watermark - bounds.windowMinutes + 1, 0)
  for (const [key, one] of state.conversations) {
    if (isForgotten(one, one.last, now)) state.conversations.delete(key)
    else fold(one, state.floor, bounds.connections)
  }
  evict(state, bounds.conversations)
  settleRest(state, now, bounds, {
    all: () => state.conversations.values(),
    peers: () => {
      const peers = new Set(state.conversations.values().map(({ peer }) => peer))
      return address => peers.has(address)
    },
  })
}

/** The conversations of a state, wherever it keeps them. */
export interface Conversations {
  all(): Iterable<Conversation>
  /** A test whether an address is some conversation's peer. */
  peers(): (address: string) => boolean
}

/** Whether a conversation with its last record then tells nothing any more; `undefined` for one that was never established. */
export function isForgotten(one: Conversation | undefined, last: number, now: number): boolean {
  if (!isLongAgo(last, now)) return false
  return one?.ways !== 3 || isClosed(one) || last < now - OPEN_FOR
}

/** Nothing later is forgotten. */
export const isLongAgo = (last: number, now: number): boolean => last < now - QUIET_FOR

/** Settles all but the conversations. */
export function settleRest(state: InstanceState, now: number, bounds: Bounds, conversations: Conversations): void {
  if (state.leftOpenAt < now - OPEN_FOR) state.leftOpenAt = 0
  forgetProbes(state.probes, state.floor)
  tidyNames(state.names, now, conversations.peers, bounds.names)
  tidyAlerts(state.alerts, now)
  if (state.host.calls.size + state.host.loads.size > 0) tidyHost(state.host, now, conversations.all(), bounds.calls)
  tidyWindows(state.windows)
}

/**
 * Lets conversations leave, those that were never established first, then the closed, then the longest silent: a scan's
 * attempts go before anything that carried traffic. Call it too while records are added, so that memory is bounded.
 */
export function evict(state: InstanceState, most: number): void {
  const excess = state.conversations.size - most
  if (excess <= 0) return
  const worth = (one: Conversation) => (one.ways !== 3 ? 0 : isClosed(one) ? 1 : 2)
  const least = [...state.conversations]
    .map(([key, one]) => ({ key, one, worth: worth(one) }))
    .toSorted((a, b) => a.worth - b.worth || a.one.last - b.one.last || (a.key < b.key ? -1 : 1))
  for (const { key, one, worth: kept } of least.slice(0, excess)) {
    if (kept === 2) state.leftOpenAt = Math.max(state.leftOpenAt, one.last)
    state.conversations.delete(key)
  }
}

function tidyAlerts(alerts: Map<string, AlertView>, now: number): void {
  for (const [key, { last }] of alerts) if (last < now - QUIET_FOR) alerts.delete(key)
  if (alerts.size <= MAX_ALERTS) return
  const worth = ({ kind, outbound, own }: AlertView) => (kind === 'other' ? 0 : own ? 3 : outbound ? 2 : 1)
  const least = [...alerts].toSorted(
    ([keyA, a], [keyB, b]) => worth(a) - worth(b) || a.last - b.last || (keyA < keyB ? -1 : 1),
  )
  for (const [key] of least.slice(0, alerts.size - MAX_ALERTS)) alerts.delete(key)
}

/**
 * The conversations with each guess put right by what a SYN proved: the middle of a connection to a high port, or of one
 * from an outsider's low port, is filed by its ports under the wrong service until its opening is known.
 */
export function resolved(state: InstanceState): Conversation[] {
  // In one order whatever came first, so that the same records give the same findings.
  const all = [...state.conversations].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
  const proven = Map.groupBy(
    all.filter(one => one.proven & SYN_SEEN),
    pairing,
  )
  const merged = new Map<Conversation, Conversation>()
  const kept: Conversation[] = []
  for (const one of all) {
    if (one.proven & SYN_SEEN) continue
    const opposite = one.service === 'ours' ? 'theirs' : 'ours'
    const match = proven
      .get(pairing(one))
      ?.find(other => other.service === opposite && used(one, other.port) && used(other, one.port))
    if (match) merged.set(match, merge(merged.get(match) ?? match, one))
    else kept.push(one)
  }
  return [...[...proven.values()].flat().map(one => merged.get(one) ?? one), ...kept]
}

function pairing({ peer, protocol }: Conversation): string {
  return `${protocol} ${peer}`
}

function used({ clientPorts }: Conversation, port: number): boolean {
  const bit = finish(mix(7, port)) & 63
  return ((bit < 32 ? clientPorts[0] >>> bit : clientPorts[1] >>> (bit - 32)) & 1) === 1
}

export function trafficOf(state: InstanceState): Traffic {
  return {
    windows: windowList(state.windows),
    conversations: resolved(state).map(one => ({
      peer: one.peer,
      port: one.port,
      protocol: one.protocol,
      first: one.first,
      last: one.passed,
      closed: isClosed(one),
      established: one.ways === 3,
    })),
    truncated: state.leftOpenAt > 0,
  }
}
