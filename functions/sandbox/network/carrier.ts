import type { Clock } from '../../core/ports.ts'
import type { Cloud } from '../cloud.ts'
import { isWithin } from '../filtering.ts'
import type { Random } from '../scenario/random.ts'
import { createTracker, type Party } from '../tracking.ts'
import type { Opener, Opening } from './drivers.ts'
import type { Passage } from './firewall-log.ts'
import { handshake, plan, reset, type Session, type Way } from './session.ts'
import { createEnd, type End } from './tally.ts'

/** What the carrier reports to: flow logs, ground truth, the firewall. */
export interface Observers {
  touch(end: End): void
  passed(end: End, at: number, bytes: number): void
  opened(session: Session, opening: Opening, at: number): void
  ended(session: Session): void
  observed(session: Session, to: number): void
}

/** Hosts inside run a shell daemon and nothing else that the scenarios need. */
const LISTENING_INSIDE: ReadonlySet<number> = new Set([22])

/** How long a judgement of the cloud's stands in the live phase: what is tracked must be seen to be used. */
const FRESH_MS = 60_000

/**
 * Opens sessions and judges their packets. A judgement is kept until the cloud changes, so that a day of a fleet's
 * traffic costs seconds; `changed` makes every session ask anew with its next packet.
 */
export function createCarrier(cloud: Cloud, clock: Clock, live: number, random: Random, observers: Observers) {
  const tracker = createTracker(cloud, { clock })
  const inside = new Map<string, string>()
  for (const one of cloud.interfaces.values())
    for (const address of [one.address, ...one.ipv6]) inside.set(`${one.vpc} ${address}`, one.id)
  let epoch = 0

  const opener: Opener = {
    touch: observers.touch,
    passed: observers.passed,
    ended: observers.ended,
    observed: observers.observed,
    isStale: (session, at) => session.epoch !== epoch || (at >= live && at - session.judgedAt >= FRESH_MS),
    judge(session, direction, what = {}) {
      const { near, far } = session
      const local: Party = { address: near.local, port: near.localPort, interface: near.interface }
      const remote: Party = {
        address: near.remote,
        port: near.remotePort,
        ...(far ? { interface: far.interface } : {}),
      }
      const [from, to] = direction === 'out' ? [local, remote] : [remote, local]
      session.epoch = epoch
      session.judgedAt = clock.now()
      const { passes, reason, refusedAt } = tracker.permits({
        from,
        to,
        protocol: near.protocol,
        opening: false,
        ...what,
      })
      if (passes) return 'passes'
      if (reason === 'not-running') return 'unsent'
      if (refusedAt === undefined) return 'lost' satisfies Way
      return refusedAt === from.interface ? 'refused' : 'stopped'
    },
    open(opening, at) {
      const session = begin(opening, at)
      if (!session || !handshake(session, at, listens(session, opening), opener)) return undefined
      observers.opened(session, opening, at)
      plan(session)
      return session
    },
    probe(opening, at) {
      const session = begin(opening, at)
      if (session && handshake(session, at, listens(session, opening), opener)) reset(session, at, opener)
    },
  }

  function begin(opening: Opening, at: number): Session | undefined {
    const { label, peer, port, protocol, ordinary, shape, serverName } = opening
    const from = cloud.interfaces.get(opening.interface)
    const local = peer.includes(':') ? from?.ipv6[0] : from?.address
    if (!from || local === undefined) return undefined
    const localPort = random.whole(32_768, 60_999)
    const holder = inside.get(`${from.vpc} ${peer}`)
    const { cidr = '0.0.0.0/32', ipv6Cidr = '::/128' } = cloud.vpcs.get(from.vpc) ?? {}
    const outside = !isWithin(cidr, peer) && !isWithin(ipv6Cidr, peer)
    const near = createEnd(
      { interface: from.id, local, localPort, remote: peer, remotePort: port, protocol },
      outside && !from.nat ? '8' : '1',
      { label, peer, port },
    )
    const far =
      holder === undefined
        ? undefined
        : createEnd(
            { interface: holder, local: peer, localPort: port, remote: local, remotePort: localPort, protocol },
            '1',
            { label: `from ${local}: ${label}`, peer: local, port },
          )
    return {
      ordinary,
      near,
      far,
      outside,
      openedAt: at,
      serverName,
      flow: random.whole(1, 2 ** 50),
      shape,
      out: 'unsent',
      back: 'unsent',
      epoch,
      judgedAt: at,
      due: at,
      coming: undefined,
      stalled: undefined,
      endedAt: undefined,
      sent: { packets: 0, bytes: 0 },
      received: { packets: 0, bytes: 0 },
    }
  }

  function listens({ far }: Session, { port }: Opening): boolean {
    return !far || LISTENING_INSIDE.has(port)
  }

  return {
    opener,
    changed: () => {
      epoch += 1
    },
  }
}

/** A session as the firewall names it. */
export function passageOf({ near, flow }: Session): Passage {
  return {
    source: near.local,
    sourcePort: near.localPort,
    destination: near.remote,
    destinationPort: near.remotePort,
    protocol: near.protocol,
    flow,
  }
}
