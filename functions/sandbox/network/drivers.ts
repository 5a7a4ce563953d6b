import { TCP, UDP } from '../../core/flow.ts'
import { hostsOf } from '../scenario/addresses.ts'
import type { Random } from '../scenario/random.ts'
import type { Breakout } from '../scenario/scenario.ts'
import { type Driven, insideShell, mining, reverseTunnel, toolTunnel } from './breakout-shapes.ts'
import { lasting, resized, type Shape } from './exchange.ts'
import type { Work } from './ordinary.ts'
import { advance, end, type Session, type Wire } from './session.ts'

/** What a driver asks the network to open. */
export interface Opening {
  readonly label: string
  readonly interface: string
  readonly peer: string
  readonly port: number
  readonly protocol: number
  readonly ordinary: boolean
  readonly shape: Shape
  readonly serverName?: string
  /** The name that it asked the resolver for; absent: it goes by address. */
  readonly host?: string
  /** The firewall's intrusion prevention knows it for mining. */
  readonly recognised?: boolean
}

export interface Opener extends Wire {
  /** `undefined`: refused, or nobody answers. */
  open(opening: Opening, at: number): Session | undefined
  /** Like open, and dropped as soon as it is known what answers. */
  probe(opening: Opening, at: number): void
  /** A session has ended, by FIN or given up. */
  ended(session: Session): void
  /** Called after what a session did, for what the firewall says again and again. */
  observed(session: Session, to: number): void
}

/** Something on an instance that opens sessions. */
export interface Driver {
  readonly instance: string
  readonly interface: string
  advance(to: number, network: Opener): void
  session(): Session | undefined
  /** Ends what it holds, with a FIN where one can pass; it opens the next one in its own time. */
  close(at: number, network: Opener): void
  /** The instance does not run any more: what it holds ends without a word. */
  drop(at: number, network: Opener): void
}

interface Chain {
  readonly instance: string
  readonly interface: string
  readonly opens: number
  readonly make: () => Opening
  /** Milliseconds to the next opening after an end, and after a refusal; `undefined`: never again. */
  readonly again: (() => number) | undefined
  readonly retry: (() => number) | undefined
}

/** One session after another. */
function createChain({ instance, interface: from, opens, make, again, retry }: Chain): Driver {
  let next = opens
  let held: { session: Session; opening: Opening } | undefined

  function over(at: number, network: Opener, wait: (() => number) | undefined): void {
    if (held) network.ended(held.session)
    held = undefined
    next = wait ? at + Math.max(1, wait()) : Infinity
  }

  return {
    instance,
    interface: from,
    session: () => held?.session,
    advance(to, network) {
      for (;;) {
        if (held) {
          advance(held.session, to, network)
          network.observed(held.session, to)
          const { endedAt } = held.session
          if (endedAt === undefined) return
          over(endedAt, network, again)
        }
        if (next > to) return
        const opening = make()
        const session = network.open(opening, next)
        if (session) held = { session, opening }
        else next = retry ? next + Math.max(1000, retry()) : Infinity
      }
    },
    close(at, network) {
      if (!held) return
      end(held.session, at, network)
      over(at, network, retry)
    },
    drop(at, network) {
      if (!held) return
      held.session.endedAt = at
      over(at, network, retry)
    },
  }
}

export function driveWork(
  instance: string,
  from: string,
  name: string,
  work: Work,
  begin: number,
  random: Random,
): Driver {
  return createChain({
    instance,
    interface: from,
    // Spread at the beginning, as if each had been running for long.
    opens: begin + random.next() * Math.min(work.gap(random), 30 * 60_000),
    make: () => ({
      label: name,
      interface: from,
      peer: random.pick(work.peers),
      port: work.port,
      protocol: work.protocol,
      ordinary: true,
      shape: work.shape(random),
      ...(work.serverName === undefined ? {} : { serverName: work.serverName }),
      ...((work.host ?? work.serverName) === undefined ? {} : { host: work.host ?? work.serverName }),
    }),
    again: () => work.gap(random),
    retry: () => random.between(20_000, 90_000),
  })
}

/** `inside` finds the address of the member that a session inside goes to; `ranges` those of the subnets probed. */
export function driveBreakout(
  instance: string,
  from: string,
  breakout: Breakout,
  live: number,
  random: Random,
  inside: (member: string) => string,
  ranges: (subnet: string) => string,
): Driver {
  const opens = live + breakout.opens
  const retry = () => random.between(30_000, 90_000)
  const common = { instance, interface: from, opens, again: retry, retry }
  const base = { interface: from, protocol: TCP, ordinary: false }
  const { lasts, pause, scale } = { pause: undefined, lasts: undefined, scale: 1, ...breakout }
  const reopening = pause === undefined ? retry : () => 60_000 + random.exponential(pause)
  function shaped(shape: Shape): Shape {
    const sized = scale === 1 ? shape : resized(scale, shape)
    return lasts === undefined ? sized : lasting(lasts * random.between(0.6, 1.4), sized)
  }
  switch (breakout.kind) {
    case 'reverse-tunnel': {
      const { to: peer, port, use, keepalive } = breakout
      const label = `${use ? 'reverse tunnel' : 'idle reverse tunnel'} to ${peer}:${port}`
      const make = () => ({ ...base, label, peer, port, shape: shaped(reverseTunnel(random, driven(use), keepalive)) })
      return createChain({ ...common, again: reopening, make })
    }
    case 'tool-tunnel': {
      const { to: peer, port, transport, name, tls, use } = breakout
      const label = `tool tunnel to ${peer}:${port}`
      const names = named(name, tls)
      const protocol = transport === 'tcp' ? TCP : UDP
      const make = () => ({
        ...base,
        ...names,
        label,
        peer,
        port,
        protocol,
        shape: shaped(toolTunnel(random, driven(use))),
      })
      return createChain({ ...common, again: reopening, make })
    }
    case 'mining': {
      const { to: peer, port, pool, tls, shape, recognised } = breakout
      const label = `mining to ${peer}:${port}`
      const names = named(pool, tls)
      const make = () => ({
        ...base,
        ...names,
        label,
        peer,
        port,
        shape: shaped(mining(random, shape, tls)),
        recognised,
      })
      return createChain({ ...common, again: reopening, make })
    }
    case 'inside-session': {
      const { port } = breakout
      const peer = inside(breakout.to)
      const label = `session inside to ${peer}:${port}`
      return createChain({ ...common, make: () => ({ ...base, label, peer, port, shape: insideShell(random) }) })
    }
    case 'probing':
      return createProbing(instance, from, breakout, opens, random, breakout.subnets.map(ranges))
  }
}

function named(name: string | undefined, tls: boolean): Pick<Opening, 'host' | 'serverName'> {
  return name === undefined ? {} : { host: name, ...(tls ? { serverName: name } : {}) }
}

function driven(use: (Breakout & { kind: 'reverse-tunnel' })['use']): Driven | undefined {
  return use && { ...use, lasts: use.lasts ?? Infinity, pause: use.pause }
}

function createProbing(
  instance: string,
  from: string,
  { ports, perMinute, lasts }: Breakout & { kind: 'probing' },
  opens: number,
  random: Random,
  ranges: readonly string[],
): Driver {
  const targets = ranges.flatMap(range => [...hostsOf(range, undefined)].slice(0, 120).map(({ address }) => address))
  let next = opens
  let count = 0
  return {
    instance,
    interface: from,
    session: () => undefined,
    advance(to, network) {
      while (next <= to && next < opens + lasts) {
        const peer = targets[count % targets.length]
        const port = ports[Math.floor(count / targets.length) % ports.length]
        count += 1
        if (peer !== undefined && port !== undefined)
          network.probe(
            { label: `probing`, interface: from, peer, port, protocol: TCP, ordinary: false, shape: () => undefined },
            next,
          )
        next += (60_000 / perMinute) * random.between(0.5, 1.5)
      }
    },
    close: () => {},
    drop: () => {},
  }
}
