import { ICMP, TCP, UDP } from '../core/flow.ts'

/** Idle times in milliseconds after which a tracked connection is forgotten. */
export interface TrackingTimeouts {
  tcp: number
  /** Seen in one direction only, or a single request and its answer. */
  udp: number
  udpStream: number
  icmp: number
  other: number
  /** After one side's FIN. */
  closing: number
}

/** EC2 User Guide, "Idle connection tracking timeout" and, for `other`, "Security group connection tracking". ICMP and closing: inference. */
export const trackingDefaults: TrackingTimeouts = {
  tcp: 432_000_000,
  udp: 30_000,
  udpStream: 180_000,
  icmp: 30_000,
  other: 600_000,
  closing: 30_000,
}

export interface Tuple {
  readonly protocol: number
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
}

export interface Connection extends Tuple {
  readonly openedFrom: 'inside' | 'outside'
  seenAt: number
  segmentsOut: number
  segmentsIn: number
  finFrom: 'inside' | 'outside' | undefined
}

/** From this many on a table is cleared of what timed out, each time that it has doubled. */
const SWEEP = 256

/** The connections that one interface's groups remember. */
export function createTable(timeouts: TrackingTimeouts) {
  const connections = new Map<string, Connection>()
  let sweepAt = SWEEP

  function isAlive(one: Connection, now: number): boolean {
    return now - one.seenAt <= timeoutOf(one, timeouts)
  }

  function sweep(now: number): void {
    for (const [key, one] of connections) if (!isAlive(one, now)) connections.delete(key)
    sweepAt = Math.max(SWEEP, connections.size * 2)
  }

  return {
    find(tuple: Tuple, now: number): Connection | undefined {
      const key = keyOf(tuple)
      const found = connections.get(key)
      if (!found || isAlive(found, now)) return found
      connections.delete(key)
      return undefined
    },
    add(tuple: Tuple, openedFrom: Connection['openedFrom'], now: number): Connection {
      if (connections.size >= sweepAt) sweep(now)
      const { protocol, local, localPort, remote, remotePort } = tuple
      const added: Connection = {
        protocol,
        local,
        localPort,
        remote,
        remotePort,
        openedFrom,
        seenAt: now,
        segmentsOut: 0,
        segmentsIn: 0,
        finFrom: undefined,
      }
      connections.set(keyOf(tuple), added)
      return added
    },
    remove(tuple: Tuple): void {
      connections.delete(keyOf(tuple))
    },
    list(now: number): Connection[] {
      sweep(now)
      return [...connections.values()]
    },
  }
}

export type Table = ReturnType<typeof createTable>

function keyOf({ protocol, local, localPort, remote, remotePort }: Tuple): string {
  return `${protocol} ${local} ${localPort} ${remote} ${remotePort}`
}

function timeoutOf(one: Connection, timeouts: TrackingTimeouts): number {
  if (one.protocol === TCP) return one.finFrom ? timeouts.closing : timeouts.tcp
  if (one.protocol === UDP) return Math.min(one.segmentsIn, one.segmentsOut) > 1 ? timeouts.udpStream : timeouts.udp
  return one.protocol === ICMP || one.protocol === 58 ? timeouts.icmp : timeouts.other
}
