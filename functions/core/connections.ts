import { FIN, type Flow, RST, SYN } from './flow.ts'

/** Connections that are told apart on one conversation; of the others only the newest time is known. */
export const MAX_OPEN = 32

/** A connection by the client's port: the newest ends of its records. It is open unless a FIN or RST came last. */
interface Connection {
  /** The newest start of a SYN that no FIN or RST accompanied. */
  opened: number
  /** The newest end of a record with more than two packets, and of one with fewer: stragglers follow a FIN. */
  alive: number
  straggler: number
  closed: number
}

/** By the client's port. */
export type Connections = Map<number, Connection>

export function track(connections: Connections, flow: Flow, clientPort: number, flags: number): void {
  const one = connections.get(clientPort) ?? { opened: 0, alive: 0, straggler: 0, closed: 0 }
  if (flags & (FIN | RST)) one.closed = Math.max(one.closed, flow.end)
  else {
    if (flags & SYN) one.opened = Math.max(one.opened, flow.start)
    if (flow.packets > 2) one.alive = Math.max(one.alive, flow.end)
    else one.straggler = Math.max(one.straggler, flow.end)
  }
  connections.set(clientPort, one)
}

/** A FIN's last acknowledgements may stand in the next window, which carries no flag: that opens nothing. */
export function isOpen({ opened, alive, straggler, closed }: Connection): boolean {
  return opened > closed || alive > closed + 60 || straggler > closed + 120
}

/**
 * Forgets closed connections that no late record can concern any more, and past the bound the closed, then the oldest.
 * Returns the newest time of an open one that was forgotten; 0 for none.
 */
export function tidyConnections(connections: Connections, floorMinute: number, most = MAX_OPEN): number {
  if (connections.size === 0) return 0
  for (const [port, one] of connections) if (!isOpen(one) && one.closed < floorMinute * 60) connections.delete(port)
  if (connections.size <= most) return 0
  let forgotten = 0
  const newest = (one: Connection) => Math.max(one.opened, one.alive, one.straggler, one.closed)
  const byWorth = [...connections].toSorted(
    ([portA, a], [portB, b]) => Number(isOpen(a)) - Number(isOpen(b)) || newest(a) - newest(b) || portA - portB,
  )
  for (const [port, one] of byWorth.slice(0, connections.size - most)) {
    if (isOpen(one)) forgotten = Math.max(forgotten, newest(one))
    connections.delete(port)
  }
  return forgotten
}

export function mergeConnections(into: Connections, from: Connections): void {
  for (const [port, other] of from) {
    const one = into.get(port) ?? { opened: 0, alive: 0, straggler: 0, closed: 0 }
    into.set(port, {
      opened: Math.max(one.opened, other.opened),
      alive: Math.max(one.alive, other.alive),
      straggler: Math.max(one.straggler, other.straggler),
      closed: Math.max(one.closed, other.closed),
    })
  }
}
