import { generator } from './random.ts'

/**
 * The traffic of a fleet of agents, from a seed, minute by minute and without an end. `local`: instances hold some dozens of
 * conversations, most of them with peers that all use. `scattered`: nearly every record is a conversation of its own.
 */
export type Mix = 'local' | 'scattered'

export interface Traffic {
  readonly mix: Mix
  readonly instances: number
  readonly seed: number
}

/** What one side of a conversation sent in a minute, as the instance's interface saw it. */
export interface Sighting {
  /** The instance's number. */
  readonly instance: number
  readonly own: string
  readonly peer: string
  readonly ownPort: number
  readonly peerPort: number
  readonly protocol: number
  /** Sent by the instance, and not to it. */
  readonly sent: boolean
  /** The instance opened the conversation. */
  readonly outbound: boolean
  /** The conversation's first minute, and its last. */
  readonly opened: boolean
  readonly closed: boolean
  readonly packets: number
  readonly bytes: number
  /** Seconds since the epoch. */
  readonly start: number
  readonly end: number
}

interface Conversation {
  readonly peer: string
  readonly port: number
  readonly protocol: number
  readonly inbound: boolean
  readonly clientPort: number
  /** Minutes in which it will still say something. */
  left: number
  opened: boolean
  /** Share of the minutes in which it says something. */
  readonly busy: number
  readonly size: number
}

const START = 1_790_000_040
const TCP = 6
const UDP = 17

export const ACCOUNT = '123456789012'
export const VPC = 'vpc-0a1b2c3d4e5f60718'

/** Seventeen hexadecimal digits, as AWS gives them. */
const idOf = (prefix: string, instance: number) =>
  `${prefix}-0${(0xa1b2c3d4e5f60 + instance).toString(16).padStart(16, '0')}`
export const interfaceOf = (instance: number) => idOf('eni', instance)
export const instanceOf = (instance: number) => idOf('i', instance)
export const addressOf = (instance: number) => `10.0.${16 + (instance >> 8)}.${instance & 255}`

export function* trafficOf({ mix, instances, seed }: Traffic): Generator<readonly Sighting[], never> {
  const { random, below } = generator(seed)
  const outside = Array.from({ length: 400 }, () => `${random() < 0.5 ? '203.0.113' : '198.51.100'}.${1 + below(254)}`)
  const wide = () => `${[3, 13, 18, 34, 52, 104, 140, 151][below(8)]}.${below(256)}.${below(256)}.${1 + below(254)}`
  // Few peers have most of the traffic, as everywhere.
  const peers = Array.from({ length: 400 }, (_, index) => (index < 40 ? (outside[index] ?? '') : wide()))
  const popular = () => peers[Math.floor(peers.length * random() ** 3)] ?? ''

  function conversation(): Conversation {
    const kind = random()
    const clientPort = 32_768 + below(28_000)
    const left = 1 + below(random() < 0.2 ? 240 : 4)
    const rest = { clientPort, left, opened: true, busy: 0.3 + 0.7 * random() }
    if (kind < 0.12) return { ...rest, peer: '10.0.0.2', port: 53, protocol: UDP, inbound: false, size: 90 }
    if (kind < 0.27)
      return { ...rest, peer: `10.0.9.${1 + below(40)}`, port: 5432, protocol: TCP, inbound: false, size: 700 }
    if (kind < 0.35)
      return { ...rest, peer: `10.0.8.${1 + below(4)}`, port: 8080, protocol: TCP, inbound: true, size: 300 }
    return { ...rest, peer: popular(), port: 443, protocol: TCP, inbound: false, size: 100 + below(1300) }
  }

  const fleet = Array.from({ length: instances }, (_, instance) => ({
    instance,
    own: addressOf(instance),
    conversations: Array.from({ length: 40 }, conversation),
  }))

  /** One packet run that is a conversation of its own. */
  function single(one: Conversation, minute: number) {
    const peer = wide()
    const time = { start: minute + below(20), end: minute + 40 + below(20) }
    const packets = 2 + below(40)
    below(8)
    const ends = { peer, ownPort: 32_768 + below(28_000), peerPort: one.port, protocol: one.protocol }
    const counts = { packets, bytes: packets * (60 + below(one.size)) }
    return { ...ends, ...counts, ...time, sent: true, outbound: true, opened: true, closed: true }
  }

  function both(one: Conversation, minute: number) {
    const time = { start: minute + below(20), end: minute + 40 + below(20) }
    const packets = 2 + below(40)
    const back = Math.max(1, packets - below(8))
    const [ownPort, peerPort] = one.inbound ? [one.port, one.clientPort] : [one.clientPort, one.port]
    const ends = { peer: one.peer, ownPort, peerPort, protocol: one.protocol, outbound: !one.inbound }
    const phase = { opened: one.opened, closed: one.left === 1 }
    const bytes = packets * (60 + below(one.size))
    return [
      { ...ends, ...phase, ...time, sent: true, packets, bytes },
      { ...ends, ...phase, ...time, sent: false, packets: back, bytes: back * (60 + below(one.size)) },
    ]
  }

  for (let minute = START; ; minute += 60) {
    const seen: Sighting[] = []
    for (const { instance, own, conversations } of fleet)
      for (const [at, one] of conversations.entries()) {
        if (mix === 'scattered') seen.push({ instance, own, ...single(one, minute) })
        else if (random() > one.busy) continue
        else for (const way of both(one, minute)) seen.push({ instance, own, ...way })
        one.opened = false
        if (--one.left <= 0) conversations[at] = conversation()
      }
    yield seen
  }
}
