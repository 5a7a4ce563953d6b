import type { Random } from '../scenario/random.ts'
import { sshSetUp, tlsHandshake } from './breakout-shapes.ts'
import { BARE, type Exchange, FULL, played, type Shape, startingWith, transfer } from './exchange.ts'

/**
 * Ordinary work that looks like a breakout in one way or another. Each session draws its own habits, so that no threshold
 * can be fitted to one of them.
 */

const MEGABYTE = 1_000_000

/** Small messages both ways on one connection: queues, chats, telemetry, subscriptions. */
export function messages(random: Random): Shape {
  const every = random.pick([2000, 5000, 10_000, 20_000, 30_000])
  const regular = random.next() < 0.4
  const pushes = random.next()
  const sizeOut = random.between(60, 900)
  const sizeIn = random.between(60, 1400)
  return () => {
    const wait = regular ? every * random.between(0.97, 1.03) : 500 + random.exponential(every)
    const out = BARE + Math.round(sizeOut * random.between(0.6, 1.4))
    const back = BARE + Math.round(sizeIn * random.between(0.6, 1.4))
    return random.next() < pushes
      ? { wait, by: 'remote', packetsOut: 1, bytesOut: BARE, packetsIn: 1, bytesIn: back }
      : { wait, by: 'local', packetsOut: 2, bytesOut: out + BARE, packetsIn: 1, bytesIn: back }
  }
}

/** One request over TLS on a connection of its own. */
export function poll(random: Random): Shape {
  const answer: Exchange = {
    wait: 80,
    by: 'local',
    packetsOut: 3,
    bytesOut: random.whole(500, 1800),
    packetsIn: random.whole(2, 20),
    bytesIn: random.whole(600, 25_000),
  }
  return played([tlsHandshake(random), answer])
}

/** Layers of an image or results of a build, some in one go and some with pauses in which the next one is made. */
export function pushed(random: Random, greeting: readonly Exchange[]): Shape {
  const layers = random.whole(1, 6)
  const parts: Exchange[] = []
  for (let layer = 0; layer < layers; layer++) {
    const upload = transfer(random.between(0.05, 80) * MEGABYTE, random.between(2, 20) * MEGABYTE, 'out')
    parts.push(...upload.map((part, index) => (index === 0 ? { ...part, wait: random.between(500, 90_000) } : part)))
  }
  return played([...greeting, ...parts])
}

/** Minutes of full packets out, at the wire's rate or a limited one; rsync's other side also names the blocks that it has. */
export function bulkUpload(random: Random): Shape {
  const seconds = random.whole(5, 900)
  const rate = random.between(0.05, 12) * MEGABYTE
  const answers = random.next() < 0.5 ? random.between(0, 0.03) : 0
  // Between directories rsync compares what both sides have.
  const pauses = random.next() < 0.4 ? random.between(0.002, 0.02) : 0
  let left = seconds
  return startingWith(sshSetUp(random), () => {
    if (left <= 0) return undefined
    left -= 1
    const wait = random.next() < pauses ? random.between(20_000, 240_000) : 1000
    const content = rate * random.between(0.5, 1.2)
    const packets = Math.max(1, Math.round(content / (FULL - BARE)))
    const acknowledged = Math.ceil(packets / 2)
    return {
      wait,
      by: 'local',
      packetsOut: packets,
      bytesOut: Math.round(content) + packets * BARE,
      packetsIn: acknowledged,
      bytesIn: acknowledged * BARE + Math.round(content * answers),
    }
  })
}

/** A log that is followed over SSH: lines come in, acknowledgements go out. */
export function logFollow(random: Random): Shape {
  const every = random.between(300, 12_000)
  const line = random.between(60, 900)
  return () => {
    const packets = random.whole(1, 3)
    return {
      wait: 50 + random.exponential(every),
      by: 'remote',
      packetsOut: packets,
      bytesOut: packets * BARE,
      packetsIn: packets,
      bytesIn: packets * (BARE + Math.round(line * random.between(0.4, 1.6))),
    }
  }
}

/** Connects, asks in plain HTTP and ends: enough packets to tell it from a probe. */
export function healthCheck(random: Random): Shape {
  return played([
    {
      wait: 10,
      by: 'local',
      packetsOut: 2,
      bytesOut: random.whole(200, 320),
      packetsIn: 2,
      bytesIn: random.whole(250, 900),
    },
  ])
}

/** A greeting of ranks, then blocks of gradients both ways for some minutes. */
export function clusterMember(random: Random): Shape {
  const rounds = random.whole(1, 40)
  const block = transfer(random.between(0.1, 30) * MEGABYTE, 30 * MEGABYTE, random.next() < 0.5 ? 'in' : 'out')
  const greeting: Exchange = { wait: 30, by: 'local', packetsOut: 4, bytesOut: 900, packetsIn: 4, bytesIn: 900 }
  return played([greeting, ...Array.from({ length: rounds }, () => block).flat()])
}
