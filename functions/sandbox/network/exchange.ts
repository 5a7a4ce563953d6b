/** One burst on a session, in IP packets and bytes of both directions; the smallest thing that the network moves. */
export interface Exchange {
  /** Milliseconds since the one before; `Infinity`: nothing more, and the session stays open. */
  wait: number
  /** Who speaks first: when the other direction is blocked, only this one's packets show. */
  by: 'local' | 'remote'
  packetsOut: number
  bytesOut: number
  packetsIn: number
  bytesIn: number
}

/** The next exchange of a session that is `age` milliseconds old; `undefined` ends it with a FIN from both sides. */
export type Shape = (age: number) => Exchange | undefined

export const SILENCE: Exchange = { wait: Infinity, by: 'local', packetsOut: 0, bytesOut: 0, packetsIn: 0, bytesIn: 0 }

/** Plays fixed exchanges first, then whatever follows them. */
export function startingWith(first: readonly Exchange[], then: Shape): Shape {
  let index = 0
  return age => first[index++] ?? then(age)
}

/** Sizes of IP packets, IPv4 without data: 40, with TCP timestamps 52; a full one 1500. */
const HEADERS = 40
export const BARE = 52
export const FULL = 1500

/** A bulk transfer of `bytes` in exchanges a second apart; the receiver acknowledges every second packet. */
export function transfer(bytes: number, bytesPerSecond: number, direction: 'in' | 'out'): Exchange[] {
  const parts = Math.max(1, Math.min(60, Math.ceil(bytes / bytesPerSecond)))
  const carried = bytes / parts
  const packets = Math.max(1, Math.round(carried / (FULL - BARE)))
  const acknowledged = Math.max(1, Math.round(packets / 2))
  const size = Math.round(carried) + packets * BARE
  const part: Exchange =
    direction === 'in'
      ? {
          wait: 1000,
          by: 'remote',
          packetsOut: acknowledged,
          bytesOut: acknowledged * BARE,
          packetsIn: packets,
          bytesIn: size,
        }
      : {
          wait: 1000,
          by: 'local',
          packetsOut: packets,
          bytesOut: size,
          packetsIn: acknowledged,
          bytesIn: acknowledged * BARE,
        }
  return Array.from({ length: parts }, () => part)
}

/** Says goodbye at that age, as SSH and TLS do, and ends with a FIN, whatever the shape would do then. */
export function lasting(lifetime: number, shape: Shape): Shape {
  const goodbye = { by: 'local', packetsOut: 1, bytesOut: BARE + 36, packetsIn: 1, bytesIn: BARE } as const
  let said = false
  return age => {
    if (said || age >= lifetime) return undefined
    const next = shape(age)
    if (!next || age + next.wait <= lifetime) return next
    said = true
    return { ...goodbye, wait: lifetime - age }
  }
}

/** Plays fixed exchanges and ends. */
export function played(exchanges: readonly Exchange[]): Shape {
  return startingWith(exchanges, () => undefined)
}

/** The same talk in other sizes: other versions, ciphers and programs. No packet leaves the bounds of Ethernet's frames. */
export function resized(scale: number, shape: Shape): Shape {
  const size = (packets: number, bytes: number) =>
    Math.round(Math.max(packets * HEADERS, Math.min(bytes * scale, Math.max(bytes, packets * FULL))))
  return age => {
    const next = shape(age)
    return (
      next && {
        ...next,
        bytesOut: size(next.packetsOut, next.bytesOut),
        bytesIn: size(next.packetsIn, next.bytesIn),
      }
    )
  }
}
