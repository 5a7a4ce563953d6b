import type { Cloud } from '../cloud.ts'
import { createPacker, type Delivery, type LogEvent } from './delivery.ts'
import { compileFormat } from './flow-log.ts'
import { clearEnd, type End } from './tally.ts'

export interface RecorderSettings {
  readonly cloud: Cloud
  readonly start: number
  readonly live: number
  readonly fields: string
  readonly flowGroup: string
  readonly firewallGroup: string
  /** How much of the history stands in one payload at most, milliseconds. */
  readonly historyBatch: number
  /** Whether the firewall's log tells of flows, as the flow log does. */
  readonly firewallFlows: boolean
  readonly flowLogDelay: number
  readonly firewallDelay: number
}

/** Aggregation intervals of a flow log: 10 minutes by default, 1 minute where it is asked for (VPC User Guide). */
const HISTORY_WINDOW_MS = 600_000
const LIVE_WINDOW_MS = 60_000
/**
 * Several logs tell of one instance's flows where it has two interfaces or a firewall that logs them. They must not come
 * further apart than logs really do, or what comes second is too late for whoever reads them.
 */
const APART_MS = 3_600_000
/** A subscription's payload is bounded; so are these. */
const EVENTS_PER_PAYLOAD = 2000

interface FirewallEvent extends LogEvent {
  readonly type: string
}

/** Writes the logs of what went by, window by window, and holds them until they are due. */
export function createRecorder(settings: RecorderSettings) {
  const { cloud, start, live, flowGroup, firewallGroup } = settings
  const format = compileFormat(settings.fields)
  const pack = createPacker(cloud.account)
  const touched = new Map<string, End[]>()
  const batches = new Map<string, LogEvent[]>()
  let firewallEvents: FirewallEvent[] = []
  let waiting: Delivery[] = []
  let windowStart = start
  let stoppedAt = Infinity
  const apart = Math.min(APART_MS, settings.historyBatch)
  const firewallBatch = settings.firewallFlows ? apart : settings.historyBatch

  const windowEnd = () => {
    const length = windowStart < live ? HISTORY_WINDOW_MS : LIVE_WINDOW_MS
    return windowStart < live ? Math.min(live, windowStart + length) : windowStart + length
  }

  function closeWindow(): void {
    const to = windowEnd()
    if (to <= stoppedAt) for (const id of cloud.interfaces.keys()) record(id, to)
    for (const ends of touched.values()) {
      for (const end of ends) clearEnd(end)
      ends.length = 0
    }
    deliverFlows(to)
    windowStart = to
  }

  function record(id: string, to: number): void {
    const networkInterface = cloud.interfaces.get(id)
    if (!networkInterface) return
    const vantage = {
      account: cloud.account,
      vpc: networkInterface.vpc,
      subnet: networkInterface.subnet,
      instance: networkInterface.instance ?? '-',
      interface: id,
    }
    const events = batches.get(id) ?? []
    for (const message of format.lines(vantage, touched.get(id) ?? [], windowStart / 1000, to / 1000))
      events.push({ timestamp: windowStart, message })
    batches.set(id, events)
  }

  function batchOf(id: string): number {
    const instance = cloud.interfaces.get(id)?.instance
    const all = cloud.interfaces.values().filter(one => one.instance === instance)
    return all.take(2).toArray().length > 1 ? apart : settings.historyBatch
  }

  function deliverFlows(to: number): void {
    const at = to <= live ? to : to + settings.flowLogDelay
    for (const [id, events] of batches) {
      if (to < live && (to - start) % batchOf(id) !== 0) continue
      for (const part of parts(events)) waiting.push(pack('flow', flowGroup, `${id}-all`, part, at))
      batches.delete(id)
    }
  }

  function deliverFirewall(now: number): void {
    const isDue = ({ timestamp }: FirewallEvent) => timestamp + settings.firewallDelay <= now
    const due = Map.groupBy(firewallEvents.filter(isDue), ({ type }) => type)
    if (due.size === 0) return
    firewallEvents = firewallEvents.filter(event => !isDue(event))
    for (const [type, events] of due) {
      const ordered = events.toSorted((a, b) => a.timestamp - b.timestamp)
      const stream = `/aws/network-firewall/${type}/${new Date(now).toISOString().slice(0, 13).replace('T', '-')}`
      const plain = ordered.map(({ timestamp, message }) => ({ timestamp, message }))
      for (const part of parts(plain)) waiting.push(pack('firewall', firewallGroup, stream, part, now))
    }
  }

  return {
    touch(end: End): void {
      const ends = touched.get(end.interface)
      if (ends) ends.push(end)
      else touched.set(end.interface, [end])
      end.touched = true
    },
    firewall(type: string, timestamp: number, message: string): void {
      firewallEvents.push({ type, timestamp, message })
    },
    windowEnd,
    closeWindow,
    /** No record of a window that ends after this moment is written any more. */
    stop(at: number): void {
      stoppedAt = Math.min(stoppedAt, at)
    },
    /** What has arrived by now, each once. */
    due(now: number): Delivery[] {
      if (now >= live || (now - start) % firewallBatch === 0) deliverFirewall(now)
      const arrived = waiting.filter(({ at }) => at <= now)
      if (arrived.length > 0) waiting = waiting.filter(({ at }) => at > now)
      return arrived
    },
  }
}

function parts(events: readonly LogEvent[]): LogEvent[][] {
  const found: LogEvent[][] = []
  for (let from = 0; from < events.length; from += EVENTS_PER_PAYLOAD)
    found.push(events.slice(from, from + EVENTS_PER_PAYLOAD))
  return found
}
