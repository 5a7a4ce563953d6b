import type { Alert, Coverage, Flow, Load, NameSeen, Rejected, Sink, ToolCall } from './flow.ts'
import type { DeadLetter } from './ports.ts'

/** What one delivery was decoded to. */
export interface Delivery {
  readonly source: string
  /** Where it came from: log group and stream, or an object's name. */
  readonly position: string
  readonly flows: readonly Flow[]
  readonly coverage: readonly Coverage[]
  readonly names: readonly NameSeen[]
  readonly alerts: readonly Alert[]
  readonly loads: readonly Load[]
  readonly toolCalls: readonly ToolCall[]
  readonly rejected: readonly Rejected[]
  /** Rejected beyond those that are kept. */
  readonly moreRejected: number
}

/** Rejected records that are kept one by one; the rest is counted. */
const MAX_REJECTED = 100
/** Of a rejected record's bytes: a dead letter holds the first kilobyte. */
const MAX_BYTES = 1024

/** Collects what a source decodes. */
export function collecting(source: string, position: string): { readonly sink: Sink; delivery(): Delivery } {
  const flows: Flow[] = []
  const coverage: Coverage[] = []
  const names: NameSeen[] = []
  const alerts: Alert[] = []
  const loads: Load[] = []
  const toolCalls: ToolCall[] = []
  const rejected: Rejected[] = []
  let moreRejected = 0
  return {
    sink: {
      flow: flow => void flows.push(flow),
      coverage: window => void coverage.push(window),
      name: seen => void names.push(seen),
      alert: alert => void alerts.push(alert),
      load: load => void loads.push(load),
      toolCall: call => void toolCalls.push(call),
      reject(one) {
        if (rejected.length < MAX_REJECTED) rejected.push({ ...one, bytes: one.bytes.slice(0, MAX_BYTES) })
        else moreRejected++
      },
    },
    delivery: () => ({ source, position, flows, coverage, names, alerts, loads, toolCalls, rejected, moreRejected }),
  }
}

/** A record that was decoded and cannot be counted with. */
export interface Unsound {
  readonly record: unknown
  readonly reason: string
}

const FUTURE_SECONDS = 600
const MAX_TEXT = 255

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0
const isPort = (value: number) => Number.isInteger(value) && value >= 0 && value <= 65_535
const isProtocol = (value: number) => Number.isInteger(value) && value >= 0 && value <= 255

/** Why numbers of a record cannot be counted with, or `undefined` where they can. `now` in seconds. */
export function unsoundFlow(flow: Flow, now: number): string | undefined {
  if (!isCount(flow.start) || !isCount(flow.end) || flow.end < flow.start) return 'its times are no span'
  if (flow.start > now + FUTURE_SECONDS) return 'it begins in the future'
  // Flow-log windows are 10 minutes at most; a firewall's flow may be old, but its start is what files it.
  if (!isCount(flow.packets) || !isCount(flow.bytes)) return 'its packets or bytes are no count'
  if (!isPort(flow.sourcePort) || !isPort(flow.destinationPort)) return 'a port is none'
  if (!isProtocol(flow.protocol)) return 'its protocol is none'
  if (flow.source.length > 64 || flow.destination.length > 64) return 'an address is too long'
  return undefined
}

export function unsoundCoverage({ start, end }: Coverage, now: number): string | undefined {
  if (!isCount(start) || !isCount(end) || end < start) return 'its times are no span'
  return start > now + FUTURE_SECONDS ? 'it begins in the future' : undefined
}

export function unsoundName(seen: NameSeen, now: number): string | undefined {
  if (!isCount(seen.time)) return 'its time is none'
  if (seen.time > now + FUTURE_SECONDS) return 'it is of the future'
  if (seen.name.length === 0 || seen.name.length > MAX_TEXT) return 'its name is empty or too long'
  if (seen.addresses.some(address => address.length > 64)) return 'an address is too long'
  return seen.peerPort !== undefined && !isPort(seen.peerPort) ? 'a port is none' : undefined
}

export function unsoundAlert(alert: Alert, now: number): string | undefined {
  if (!isCount(alert.time)) return 'its time is none'
  if (alert.time > now + FUTURE_SECONDS) return 'it is of the future'
  if (!isPort(alert.sourcePort) || !isPort(alert.destinationPort)) return 'a port is none'
  if (!isProtocol(alert.protocol)) return 'its protocol is none'
  if (alert.name !== undefined && alert.name.length > MAX_TEXT) return 'its name is too long'
  return alert.source.length > 64 || alert.destination.length > 64 ? 'an address is too long' : undefined
}

export function unsoundLoad({ time }: Load, now: number): string | undefined {
  if (!isCount(time)) return 'its time is none'
  return time > now + FUTURE_SECONDS ? 'it is of the future' : undefined
}

export function unsoundCall({ start, end }: ToolCall, now: number): string | undefined {
  if (!isCount(start) || !isCount(end) || end < start) return 'its times are no span'
  // A clock that runs ahead would keep its call longer than any other.
  return end > now + FUTURE_SECONDS ? 'it is of the future' : undefined
}

/** What of a delivery goes to the dead letters: each record up to a bound, then their number. */
export function lettersOf(
  { source, position, rejected, moreRejected }: Delivery,
  unsound: readonly Unsound[],
): DeadLetter[] {
  const letters = rejected.map(one => ({
    source,
    position: `${position} ${one.position}`,
    reason: one.reason,
    bytes: one.bytes,
    ...(one.whole ? { whole: one.whole } : {}),
  }))
  const unusable = unsound.slice(0, MAX_REJECTED).map(({ record, reason }) => ({
    source,
    position,
    reason: `Cannot use a record: ${reason}`,
    bytes: bytesOf(record),
  }))
  const more = moreRejected + Math.max(0, unsound.length - MAX_REJECTED)
  if (more === 0) return [...letters, ...unusable]
  const rest = {
    source,
    position,
    reason: `${more} more records of this delivery were rejected`,
    bytes: new Uint8Array(),
  }
  return [...letters, ...unusable, rest]
}

/** For a dead letter, which holds the first kilobyte of it. */
export function bytesOf(value: unknown): Uint8Array {
  const text = JSON.stringify(value, (_, one) =>
    one instanceof Uint8Array ? Buffer.from(one).toString('base64') : one,
  )
  return Buffer.from((text ?? '').slice(0, 1 << 20))
}
