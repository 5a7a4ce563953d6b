import type { Random } from '../scenario/random.ts'
import { type Exchange, type Shape, SILENCE, startingWith } from './exchange.ts'

/**
 * Shapes of breakouts, from captures (Firebreak's reference, detection.md: OpenSSH 9.2 on loopback; 52 captures of
 * miners). Figures are IP bytes.
 */

/** Key exchange and the remote forwarding: with the handshake 17 to 18 packets out, 4.3 to 4.5 kB; 13 to 15 in, 4.1 kB. */
export function sshSetUp(random: Random): Exchange[] {
  return [
    {
      wait: 60,
      by: 'local',
      packetsOut: 6,
      bytesOut: random.whole(1900, 1960),
      packetsIn: 5,
      bytesIn: random.whole(1700, 1740),
    },
    {
      wait: 240,
      by: 'local',
      packetsOut: random.whole(9, 10),
      bytesOut: random.whole(2300, 2400),
      packetsIn: random.whole(7, 9),
      bytesIn: random.whole(2300, 2340),
    },
  ]
}

export interface Driven {
  by: 'visitor' | 'typing'
  segments: 'loopback' | 'ethernet'
  /** Age of the session at the first turn, milliseconds. */
  from: number
  /** One turn, and the mean wait between two; without it there is one turn. */
  lasts: number
  pause: number | undefined
}

/** `ssh -R`; with the defaults there is no keepalive, so that it is silent except while somebody outside drives it. */
export function reverseTunnel(random: Random, use: Driven | undefined, keepalive?: number): Shape {
  return startingWith(
    sshSetUp(random),
    driven(random, use, () => (keepalive === undefined ? SILENCE : alive(keepalive))),
  )
}

/** A request of 156 B and its answer of 80 B, each acknowledged with the next (ServerAliveInterval, a minute at 60 s). */
function alive(wait: number): Exchange {
  return { wait, by: 'local', packetsOut: 2, bytesOut: 156, packetsIn: 1, bytesIn: 80 }
}

/** TLS, QUIC or WebSocket to a tunnel's server, which then pings every 20 to 30 s (chisel: 25 s) and passes on what comes. */
export function toolTunnel(random: Random, use: Driven | undefined): Shape {
  const greeting: Exchange = { wait: 300, by: 'local', packetsOut: 4, bytesOut: 1400, packetsIn: 4, bytesIn: 900 }
  return startingWith(
    [tlsHandshake(random), greeting],
    driven(random, use, () => ({
      wait: random.between(20_000, 30_000),
      by: 'local',
      packetsOut: 2,
      bytesOut: 2 * 52 + random.whole(30, 60),
      packetsIn: 1,
      bytesIn: 52 + random.whole(30, 60),
    })),
  )
}

/** Turns of use with waits of no clear pattern between them, and what the connection does by itself meanwhile. */
function driven(random: Random, use: Driven | undefined, idle: () => Exchange): Shape {
  let from = use?.from ?? Infinity
  let until = from + (use?.lasts ?? 0)
  return age => {
    if (use?.pause !== undefined && age >= until) {
      from = age + 60_000 + random.exponential(use.pause)
      until = from + use.lasts * random.between(0.5, 1.5)
    }
    if (!use || age >= until) return idle()
    const exchange = use.by === 'visitor' ? visitor(random, use.segments) : typing(random)
    if (age >= from) return exchange
    const quiet = idle()
    return age + quiet.wait < from ? quiet : { ...exchange, wait: Math.max(1, from - age) }
  }
}

/** Fetches 20 kB every 5 s: a minute has about 55 packets and 246 kB out, 72 packets and 7 kB in. */
function visitor(random: Random, segments: Driven['segments']): Exchange {
  if (segments === 'ethernet') return page(random)
  return {
    wait: random.between(4500, 5500),
    by: 'remote',
    packetsOut: random.whole(4, 5),
    bytesOut: random.whole(20_200, 20_800),
    packetsIn: random.whole(5, 7),
    bytesIn: random.whole(560, 610),
  }
}

/**
 * The same over Ethernet: 1448 B of content a packet, every second one acknowledged. Opening a forwarded connection, the
 * request and its end bring in about 270 B of content in 5 packets (measured). Pages and the pauses to read them vary.
 */
function page(random: Random): Exchange {
  const content = Math.min(400_000, 2000 + random.exponential(30_000))
  const packets = Math.ceil(content / 1448) + 3
  const acknowledged = Math.ceil(packets / 2)
  return {
    wait: 1000 + random.exponential(7000),
    by: 'remote',
    packetsOut: packets,
    bytesOut: Math.round(content) + packets * 52,
    packetsIn: acknowledged + 5,
    bytesIn: (acknowledged + 5) * 52 + random.whole(220, 900),
  }
}

/** A minute has 102 to 123 packets of about 145 B out and 204 to 246 of 70 B in; a person also stops to think. */
function typing(random: Random): Exchange {
  const keys = random.whole(2, 5)
  return {
    wait: random.next() < 0.03 ? random.between(8000, 20_000) : random.between(1200, 2200),
    by: 'remote',
    packetsOut: keys,
    bytesOut: keys * 145,
    packetsIn: keys * 2,
    bytesIn: keys * 140,
  }
}

/** A person inside at a shell elsewhere, the mirror image: a minute has 208 packets of 70 B out and 104 of 150 B in. */
export function insideShell(random: Random): Shape {
  return startingWith(sshSetUp(random), () => {
    const keys = random.whole(2, 5)
    return {
      wait: random.between(1500, 2500),
      by: 'local',
      packetsOut: keys * 2,
      bytesOut: keys * 140,
      packetsIn: keys,
      bytesIn: keys * 150,
    }
  })
}

/** To the pool, in TLS or plain, stratum: login, jobs from the pool, shares from the miner. */
export function mining(random: Random, coin: 'xmr' | 'gpu', tls = true): Shape {
  const login: Exchange = { wait: 400, by: 'local', packetsOut: 2, bytesOut: 620, packetsIn: 2, bytesIn: 540 }
  return startingWith([...(tls ? [tlsHandshake(random)] : []), login], () =>
    coin === 'xmr' ? xmr(random) : gpu(random),
  )
}

/** XMR: 1 to 23 packets of 65 to 142 B out a minute, 1 to 17 of 101 to 283 B in; silent for up to 137 s. */
function xmr(random: Random): Exchange {
  const wait = Math.min(137_000, 1500 + random.exponential(8500))
  if (random.next() < 0.4)
    return { wait, by: 'remote', packetsOut: 1, bytesOut: 66, packetsIn: 1, bytesIn: random.whole(240, 283) }
  return {
    wait,
    by: 'local',
    packetsOut: 2,
    bytesOut: random.whole(200, 270),
    packetsIn: 1,
    bytesIn: random.whole(101, 130),
  }
}

/** GPU (ETH): 38 to 41 packets and 1.6 kB out a minute, 41 packets and 11.3 kB in. */
function gpu(random: Random): Exchange {
  return {
    wait: random.between(1450, 1550),
    by: 'remote',
    packetsOut: 1,
    bytesOut: random.whole(40, 42),
    packetsIn: 1,
    bytesIn: random.whole(260, 290),
  }
}

export function tlsHandshake(random: Random): Exchange {
  return {
    wait: random.between(20, 90),
    by: 'local',
    packetsOut: 6,
    bytesOut: random.whole(900, 1300),
    packetsIn: 6,
    bytesIn: random.whole(4200, 6200),
  }
}
