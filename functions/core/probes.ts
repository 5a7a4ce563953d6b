import { WINDOW_MINUTES } from './conversation.ts'
import { ACK, type Flow, ICMP, SYN, TCP } from './flow.ts'
import { countBits, distinct, finish, mix, setBit } from './hash.ts'
import type { ProbeView } from './rule.ts'

/**
 * Distinct targets of attempts that look like probing, in bit maps for each minute: an attempt sets the same bits however
 * often it is delivered, and a scan of a million targets takes the room of one.
 */
export interface ProbeMinute {
  readonly minute: number
  readonly targets: Uint8Array
  readonly addresses: Uint8Array
  readonly ports: Uint8Array
  readonly refused: Uint8Array
  first: number
  last: number
}

export interface Probes {
  readonly internal: Map<number, ProbeMinute>
  readonly external: Map<number, ProbeMinute>
}

/** Bytes of the maps: 512 bits are 3 % off at 50 targets. */
export const PROBE_BYTES = { targets: 64, addresses: 32, ports: 32, refused: 64 } as const
/** What was accepted and has more packets than this is no probe. */
export const MOST_PROBE_PACKETS = 4
export const PROBE_MINUTES = 5

export const noProbes = (): Probes => ({ internal: new Map(), external: new Map() })

/**
 * Our own attempts, so that nobody outside can fill it: of TCP our SYN, where the log has flags. Echo requests look like our
 * answers to somebody else's, so they count inside only, where sources cannot be forged. UDP has no SYN: only a refusal tells.
 */
export function isProbe(flow: Flow, outer: boolean): boolean {
  if (flow.protocol === TCP) {
    const asks = flow.flags === undefined ? flow.sourcePort > flow.destinationPort : (flow.flags & (SYN | ACK)) === SYN
    return asks && (!flow.accepted || flow.packets <= MOST_PROBE_PACKETS)
  }
  if (flow.protocol === ICMP) return flow.packets <= MOST_PROBE_PACKETS && !outer
  return !flow.accepted
}

/** `outer`: the target is out on the internet. `address`: its hash. */
export function addProbe(probes: Probes, flow: Flow, outer: boolean, address: number): void {
  const minutes = outer ? probes.external : probes.internal
  const minute = Math.floor(flow.start / 60)
  const one = minutes.get(minute) ?? newProbeMinute(minute)
  minutes.set(minute, one)
  const port = finish(mix(flow.protocol, flow.destinationPort))
  const target = finish(mix(port, address))
  setBit(one.targets, target)
  setBit(one.addresses, address)
  setBit(one.ports, port)
  if (!flow.accepted) setBit(one.refused, target)
  one.first = Math.min(one.first, flow.start)
  one.last = Math.max(one.last, flow.end)
}

export function newProbeMinute(minute: number): ProbeMinute {
  return {
    minute,
    targets: new Uint8Array(PROBE_BYTES.targets),
    addresses: new Uint8Array(PROBE_BYTES.addresses),
    ports: new Uint8Array(PROBE_BYTES.ports),
    refused: new Uint8Array(PROBE_BYTES.refused),
    first: Number.POSITIVE_INFINITY,
    last: 0,
  }
}

export function forgetProbes(probes: Probes, floorMinute: number): void {
  for (const minutes of [probes.internal, probes.external])
    for (const minute of minutes.keys()) if (minute < floorMinute) minutes.delete(minute)
}

/** The five minutes with the most targets that ended within the last 64 before `now` (seconds). */
export function probeView(minutes: ReadonlyMap<number, ProbeMinute>, now: number): ProbeView | undefined {
  let best: ProbeMinute | undefined
  let most = 0
  const oldest = Math.floor(now / 60) - WINDOW_MINUTES
  const counts = new Map<number, number>()
  for (const [minute, { targets }] of minutes) counts.set(minute, countBits(targets))
  for (const minute of [...minutes.keys()].toSorted((a, b) => a - b)) {
    if (minute < oldest) continue
    // The union has no more targets than its parts together: most minutes need no union.
    let bound = 0
    for (let at = minute; at < minute + PROBE_MINUTES; at++) bound += counts.get(at) ?? 0
    if (bound < most) continue
    const five = union(minutes, minute)
    const targets = countBits(five.targets)
    if (targets > most || (targets === most && best && five.last > best.last)) {
      best = five
      most = targets
    }
  }
  return (
    best && {
      targets: distinct(best.targets),
      addresses: distinct(best.addresses),
      ports: distinct(best.ports),
      refused: distinct(best.refused),
      first: best.first,
      last: best.last,
    }
  )
}

function union(minutes: ReadonlyMap<number, ProbeMinute>, minute: number): ProbeMinute {
  const five = newProbeMinute(minute)
  for (let at = minute; at < minute + PROBE_MINUTES; at++) {
    const one = minutes.get(at)
    if (!one) continue
    for (const map of MAPS) {
      const into = five[map]
      const from = one[map]
      for (let byte = 0; byte < into.length; byte++) into[byte] = (into[byte] ?? 0) | (from[byte] ?? 0)
    }
    five.first = Math.min(five.first, one.first)
    five.last = Math.max(five.last, one.last)
  }
  return five
}

const MAPS = ['targets', 'addresses', 'ports', 'refused'] as const
