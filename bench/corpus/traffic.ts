import { collecting, type Delivery } from '../../functions/core/delivery.ts'
import { type Flow, type NameSeen, TCP } from '../../functions/core/flow.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import { createCarrier } from '../../functions/sandbox/network/carrier.ts'
import type { Opening } from '../../functions/sandbox/network/drivers.ts'
import { isFlowing, type Session } from '../../functions/sandbox/network/session.ts'
import { clearEnd, type End, type Tally } from '../../functions/sandbox/network/tally.ts'
import { createRandom, type Random } from '../../functions/sandbox/scenario/random.ts'
import { createCalls } from './calls.ts'
import type { Fleet, Resident } from './fleet.ts'

/** What the logs will tell of a fleet, decoded already, and when it arrives. */

export interface TrafficOptions {
  readonly fleet: Fleet
  readonly seed: string
  readonly lasts: number
  /** The agents' tool calls are logged. */
  readonly traces: boolean
}

interface Arrival {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly delivery: Delivery
}

export interface Traffic {
  /** In the order of arrival. */
  run(): Generator<Arrival, void>
  /** When the first log of a breakout arrived, and the first that shows it in use. */
  readonly shown: ReadonlyMap<string, Shown>
  /** Whose doing a peer is, for whom the rules accuse: `instance peer port` to a label. */
  readonly labels: ReadonlyMap<string, string>
}

interface Shown {
  first: number | undefined
  used: number | undefined
  /** A log says its name or what it is: a firewall's, or the resolver's. */
  byFirewall: boolean
  byResolver: boolean
}

export const FIREWALL = 'outer'
const MINUTE = 60_000
/** CloudWatch Logs has a flow-log window about 5 minutes after its end, a firewall's and a resolver's event within seconds. */
const FLOW_DELAY = 5 * MINUTE
const EVENT_DELAY = 10_000
/** A client asks the resolver again once the answer has expired. */
const ANSWER_LASTS = MINUTE
/** A tunnel that nobody drives has less than this in a minute, its opening apart. */
const USED_PACKETS_IN = 10

export function createTraffic({ fleet, seed, lasts, traces }: TrafficOptions): Traffic {
  const { built, start, drivers, dnsTunnels } = fleet
  const { cloud } = built
  const clock = createClock(start)
  const byInterface = new Map(fleet.residents.map(resident => [resident.interface, resident]))
  const shown = new Map<string, Shown>()
  const labels = new Map<string, string>()
  const random = createRandom(`${seed}/firewall`)
  const asked = new Map<string, number>()
  const alarms = new Map<Session, number>()
  const calls = traces ? createCalls(fleet.residents, start, seed) : undefined
  let touched: End[] = []
  let events = collecting('events', 'corpus')

  const carrier = createCarrier(cloud, clock, Number.POSITIVE_INFINITY, createRandom(`${seed}/carrier`), {
    touch(end) {
      touched.push(end)
      end.touched = true
    },
    passed: () => {},
    opened(session, opening, at) {
      const resident = byInterface.get(opening.interface)
      if (!resident || !session.outside) return
      const { near } = session
      labels.set(`${resident.instance} ${near.remote} ${near.remotePort}`, opening.label)
      say(resident, session, opening, at)
      calls?.opened(resident, opening, at)
      if (!opening.ordinary && opening.host !== undefined) {
        show(resident, 'first', at + MINUTE)
        of(resident).byResolver = true
        of(resident).byFirewall ||= opening.serverName !== undefined && opening.protocol === TCP
      }
      if (opening.recognised) alarms.set(session, at + 700)
    },
    observed(session, to) {
      let next = alarms.get(session)
      if (next === undefined) return
      for (; next <= Math.min(to, session.endedAt ?? to); next += random.between(4, 20) * MINUTE)
        if (isFlowing(session)) alarm(session, next)
      alarms.set(session, next)
    },
    ended: session => void alarms.delete(session),
  })

  function say(resident: Resident, { near }: Session, { host, serverName }: Opening, at: number): void {
    const { sink } = events
    const base = { client: near.local, instance: undefined, addresses: [near.remote] }
    const key = `${near.local} ${host}`
    if (host !== undefined && (asked.get(key) ?? 0) <= at - ANSWER_LASTS) {
      asked.set(key, at)
      sink.name(dnsName(resident, host, [near.remote], at))
    }
    // Of QUIC the firewall logs no handshake.
    if (serverName !== undefined && near.protocol === TCP)
      sink.name({
        ...base,
        via: 'tls',
        name: serverName,
        clientPort: near.localPort,
        peerPort: near.remotePort,
        vpc: undefined,
        firewall: FIREWALL,
        time: Math.floor(at / 1000),
      })
  }

  function alarm({ near }: Session, at: number): void {
    const resident = byInterface.get(near.interface)
    if (resident) {
      show(resident, 'first', at + EVENT_DELAY)
      of(resident).byFirewall = true
    }
    events.sink.alert({
      kind: 'mining',
      rule: 'Cryptomining pool: stratum',
      source: near.local,
      sourcePort: near.localPort,
      destination: near.remote,
      destinationPort: near.remotePort,
      protocol: near.protocol,
      blocked: false,
      instance: undefined,
      firewall: FIREWALL,
      time: Math.floor(at / 1000),
    })
  }

  function of({ instance }: Resident): Shown {
    const one = shown.get(instance) ?? { first: undefined, used: undefined, byFirewall: false, byResolver: false }
    shown.set(instance, one)
    return one
  }

  function show(resident: Resident, what: 'first' | 'used', at: number): void {
    const one = of(resident)
    one[what] ??= at
  }

  /** What the window's packets say of a breakout, from the ground truth. */
  function watchBreakout(end: End, at: number): void {
    const resident = byInterface.get(end.interface)
    if (!resident?.case || isOrdinary(resident, end.carried.label)) return
    const { accepted, rejected } = end.ingress
    show(resident, 'first', at)
    const opens = ((end.egress.accepted.flags | rejected.flags) & 2) !== 0
    if (!opens && accepted.packets >= USED_PACKETS_IN) show(resident, 'used', at)
  }

  function closeWindow(from: number, to: number): Delivery {
    const { sink, delivery } = collecting('aws-vpc-flow', 'corpus')
    for (const end of touched) {
      watchBreakout(end, to + FLOW_DELAY)
      for (const out of [true, false])
        for (const accepted of [true, false]) {
          const pair = out ? end.egress : end.ingress
          const tally = accepted ? pair.accepted : pair.rejected
          if (tally.packets > 0) sink.flow(flowOf(end, out, accepted, tally, from, to, cloud.account))
        }
      clearEnd(end)
    }
    touched = []
    return delivery()
  }

  function askThroughDns(from: number, to: number): void {
    for (const { resident, suffix, perMinute, opens, lasts: length } of dnsTunnels) {
      if (to <= opens || from >= opens + length) continue
      show(resident, 'first', to + EVENT_DELAY)
      for (let query = 0; query < perMinute; query++)
        events.sink.name(dnsName(resident, `${chunk(random)}.${chunk(random)}.${suffix}`, [], from + query))
    }
  }

  function dnsName({ instance, address }: Resident, name: string, answers: readonly string[], at: number): NameSeen {
    return {
      via: 'dns',
      name,
      addresses: answers,
      client: address,
      clientPort: undefined,
      peerPort: undefined,
      instance,
      vpc: undefined,
      firewall: undefined,
      time: Math.floor(at / 1000),
    }
  }

  return {
    shown,
    labels,
    *run() {
      const late: Arrival[] = []
      for (let from = start; from < start + lasts; from += MINUTE) {
        const to = from + MINUTE
        clock.set(to)
        for (const driver of drivers) driver.advance(to, carrier.opener)
        askThroughDns(from, to)
        for (const call of calls?.due(to) ?? []) events.sink.toolCall?.(call)
        late.push({ at: to + FLOW_DELAY, delivery: closeWindow(from, to) })
        while (late[0] && late[0].at <= to) {
          const [next] = late.splice(0, 1)
          if (next) yield next
        }
        yield { at: to + EVENT_DELAY, delivery: events.delivery() }
        events = collecting('events', 'corpus')
      }
      yield* late
    },
  }
}

/** A resident's work has its kinds as labels; a breakout says what it does and to whom. */
function isOrdinary({ habit }: Resident, label: string): boolean {
  return label === habit || !/^(?:idle reverse tunnel|reverse tunnel|tool tunnel|mining|probing)/.test(label)
}

function flowOf(
  end: End,
  out: boolean,
  accepted: boolean,
  { packets, bytes, flags }: Tally,
  from: number,
  to: number,
  account: string,
): Flow {
  const { local, localPort, remote, remotePort, protocol } = end
  return {
    interface: end.interface,
    account,
    firewall: undefined,
    source: out ? local : remote,
    destination: out ? remote : local,
    sourcePort: out ? localPort : remotePort,
    destinationPort: out ? remotePort : localPort,
    protocol,
    packets,
    bytes,
    start: from / 1000,
    end: to / 1000,
    flags,
    accepted,
    direction: out ? 'egress' : 'ingress',
  }
}

/** Base32 of random bytes, as tunnels through DNS write it. */
function chunk(random: Random): string {
  const digits = 'abcdefghijklmnopqrstuvwxyz234567'
  return Array.from({ length: random.whole(24, 50) }, () => digits[random.whole(0, 31)]).join('')
}
