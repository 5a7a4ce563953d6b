import { isExternal } from './address.ts'
import { type Conversation, isClosed } from './conversation.ts'
import { openingsOf } from './conversation-shape.ts'
import type { Load, ToolCall } from './flow.ts'
import { masked } from './masking.ts'
import type { LoadView, Opening, ToolCallView } from './rule.ts'

/**
 * What the host says of itself: the agent's tool calls and the load of its processors. The agent writes the first, so they
 * name what stood beside a connection and nothing else: a flood of them costs other calls, never traffic. Times are seconds.
 */
export interface Host {
  readonly calls: Map<string, ToolCallView>
  readonly loads: Map<string, LoadMark>
}

/** The newest change to busy and the newest back, by one alarm; 0 for none. Maxima, so that order and repeats do not matter. */
interface LoadMark {
  readonly of: Load['of']
  readonly alarm: string
  busyAt: number
  idleAt: number
}

export const MAX_CALLS = 64
/** Beside them, one for each open connection that it may have opened, as long as that is open. */
const MAX_OPENERS = 32
const MAX_LOADS = 16
/** A call is told when it ends; the flow log that it explains comes 5 to 10 minutes after, and late records fit in as much. */
const CALLS_FOR = 64 * 60
const IDLE_FOR = 86_400
/** A job may run for days; an alarm that is not taken back for longer was deleted. */
const BUSY_FOR = 432_000

const MAX_COMMAND = 200
const MAX_WORD = 64
const MAX_ALARM = 128

/** A flow log's `start` is up to 60 s after the packet (Amazon VPC User Guide, "Flow log records"). */
const LOGGED_AFTER = 60
/** Clocks of the trace and of the log. */
const CLOCKS_APART = 5

export function noHost(): Host {
  return { calls: new Map(), loads: new Map() }
}

/** Masked before it is shortened, so that no half of a secret is left; a call's text may be long. */
const MAX_MASKED = 4096

export function addToolCall({ calls }: Host, { tool, command, episode, start, end }: ToolCall): void {
  const call: ToolCallView = {
    tool: shortened(tool, MAX_WORD),
    command: shortened(masked(command.slice(0, MAX_MASKED)), MAX_COMMAND),
    episode: episode === undefined ? undefined : shortened(episode, MAX_WORD),
    start,
    end: Math.max(start, end),
  }
  calls.set(callKey(call), call)
}

export function callKey({ tool, command, episode, start, end }: ToolCallView): string {
  return JSON.stringify([start, end, tool, command, episode ?? null])
}

/** A half of a surrogate pair would be another text once it was packed. */
function shortened(text: string, length: number): string {
  return (text.length > length ? `${text.slice(0, length - 1)}…` : text).toWellFormed()
}

export function addLoad({ loads }: Host, { of, busy, alarm, time }: Load): void {
  const name = shortened(alarm, MAX_ALARM)
  const key = loadKey({ of, alarm: name })
  const mark = loads.get(key) ?? { of, alarm: name, busyAt: 0, idleAt: 0 }
  loads.set(key, mark)
  if (busy) mark.busyAt = Math.max(mark.busyAt, time)
  else mark.idleAt = Math.max(mark.idleAt, time)
}

export function loadKey({ of, alarm }: Pick<LoadMark, 'of' | 'alarm'>): string {
  return `${of} ${alarm}`
}

/** Forgets what is old and brings the rest under the bounds. `conversations`: those that the instance still holds. */
export function tidyHost(host: Host, now: number, conversations: Iterable<Conversation>, most = MAX_CALLS): void {
  tidyCalls(host.calls, now, conversations, most)
  for (const [key, { busyAt, idleAt }] of host.loads)
    if (busyAt > idleAt ? busyAt < now - BUSY_FOR : idleAt < now - IDLE_FOR) host.loads.delete(key)
  if (host.loads.size <= MAX_LOADS) return
  const newest = ({ busyAt, idleAt }: LoadMark) => Math.max(busyAt, idleAt)
  const least = [...host.loads].toSorted(([a, one], [b, other]) => newest(one) - newest(other) || (a < b ? -1 : 1))
  for (const [key] of least.slice(0, host.loads.size - MAX_LOADS)) host.loads.delete(key)
}

function tidyCalls(
  calls: Map<string, ToolCallView>,
  now: number,
  conversations: Iterable<Conversation>,
  most: number,
): void {
  if (calls.size === 0) return
  const ordered = [...calls].toSorted(([a, one], [b, other]) => other.end - one.end || (a < b ? -1 : 1))
  const recent = new Set(
    ordered
      .slice(0, most)
      .filter(([, { end }]) => end >= now - CALLS_FOR)
      .map(([key]) => key),
  )
  const openers = new Set<string>()
  if (recent.size < calls.size && most > 0)
    for (const one of conversations) {
      if (openers.size >= MAX_OPENERS) break
      if (one.service !== 'theirs' || one.ways !== 3 || isClosed(one) || !isExternal(one.peer)) continue
      const opener = openerOf(calls.values(), openingsOf(one), [one.peer])
      if (opener) openers.add(callKey(opener.call))
    }
  for (const key of calls.keys()) if (!recent.has(key) && !openers.has(key)) calls.delete(key)
}

/** A call that was under way when a connection was opened, with how many others were. */
export interface Opener {
  readonly call: ToolCallView
  readonly others: number
  /** The command has the peer's address or name in it. */
  readonly named: boolean
}

/**
 * The call that opened a connection: of those under way at its oldest opening that any call overlaps, first those that have
 * the peer in their command (`peer`: its address and names), since a flow log places the SYN within a minute only; then the
 * one that began last, since an outer call encloses inner ones.
 */
export function openerOf(
  calls: Iterable<ToolCallView>,
  openings: readonly Opening[],
  peer: readonly string[],
): Opener | undefined {
  const all = [...calls]
  for (const opening of openings) {
    const { from, to } = opening
    const beside = all.filter(({ start, end }) => start <= to + CLOCKS_APART && end >= from - LOGGED_AFTER)
    if (beside.length === 0) continue
    const named = new Set(beside.filter(({ command }) => peer.some(text => mentions(command, text))))
    const gap = ({ start, end }: ToolCallView) => Math.max(0, start - to, from - end)
    const [call] = beside.toSorted(
      (a, b) =>
        Number(named.has(b)) - Number(named.has(a)) ||
        gap(a) - gap(b) ||
        b.start - a.start ||
        a.end - b.end ||
        (callKey(a) < callKey(b) ? -1 : 1),
    )
    if (call) return { call, others: beside.length - 1, named: named.has(call) }
  }
  return undefined
}

/** As a word of its own: `203.0.113.9` is not in `203.0.113.90`. */
function mentions(command: string, text: string): boolean {
  for (let at = command.indexOf(text); at >= 0; at = command.indexOf(text, at + 1))
    if (!/[\w.]/.test(command[at - 1] ?? ' ') && !/\w/.test(command[at + text.length] ?? ' ')) return true
  return false
}

export function callViews({ calls }: Host): ToolCallView[] {
  return [...calls]
    .toSorted(([a, one], [b, other]) => one.start - other.start || (a < b ? -1 : 1))
    .map(([, one]) => one)
}

export function loadViews({ loads }: Host): LoadView[] {
  return [...loads]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, { of, alarm, busyAt, idleAt }]) => {
      if (busyAt === 0) return []
      return [{ of, alarm, from: busyAt, until: idleAt >= busyAt ? idleAt : undefined }]
    })
}
