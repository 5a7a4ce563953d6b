import type { Random } from '../../functions/sandbox/scenario/random.ts'
import { Breakout } from '../../functions/sandbox/scenario/scenario.ts'

/** The breakouts of the corpus, each in every size and rhythm that its seed draws: intermittent, as ROME's were. */

export interface BreakoutKind {
  readonly name: string
  /** What the product promises of it: a cut within 10 minutes of its logs, or nothing that is held against it. */
  readonly promise: 'cut' | 'none'
  /** Why it is alerted about or missed and not cut, where it is. */
  readonly uncut?: string
  /** `to`: an address that nobody else uses. */
  make(random: Random, to: string): Breakout | DnsTunnel
}

/** Its packets go to the VPC's resolver, which no flow log shows; only the resolver's own log tells. */
export interface DnsTunnel {
  readonly kind: 'dns-tunnel'
  readonly suffix: string
  readonly perMinute: number
  readonly opens: number
  readonly lasts: number
}

const SSH = 22

function tunnel(random: Random, to: string, port: number, use: object | undefined, more: object = {}): Breakout {
  return Breakout.parse({
    kind: 'reverse-tunnel',
    to,
    port,
    ...(use && { use }),
    ...opening(random),
    ...more,
    scale: random.between(0.7, 1.3),
    ...(random.next() < 0.5 && { lasts: minutes(random.whole(120, 600)), pause: minutes(random.whole(20, 180)) }),
  })
}

function turns(random: Random, by: 'visitor' | 'typing', segments: 'loopback' | 'ethernet' = 'loopback') {
  return {
    by,
    segments,
    from: minutes(random.whole(0, 90)),
    lasts: minutes(random.whole(4, 25)),
    pause: minutes(random.whole(10, 120)),
  }
}

function opening(random: Random) {
  return { opens: `${random.whole(1800, 36_000)}s` }
}

const minutes = (count: number) => `${count}m`

function miner(random: Random, to: string, port: number, more: object): Breakout {
  return Breakout.parse({
    kind: 'mining',
    to,
    port,
    shape: random.next() < 0.6 ? 'xmr' : 'gpu',
    recognised: false,
    tls: port === 443 || random.next() < 0.5,
    ...opening(random),
    ...more,
    scale: random.between(0.75, 1.25),
    ...(random.next() < 0.6 && { lasts: minutes(random.whole(20, 180)), pause: minutes(random.whole(10, 180)) }),
  })
}

function tool(random: Random, to: string, port: number, more: object): Breakout {
  return Breakout.parse({
    kind: 'tool-tunnel',
    to,
    port,
    use: turns(random, random.next() < 0.5 ? 'visitor' : 'typing', 'ethernet'),
    ...opening(random),
    ...more,
    scale: random.between(0.7, 1.3),
  })
}

function probing(random: Random, ports: readonly number[], perMinute: number): Breakout {
  return Breakout.parse({
    kind: 'probing',
    subnets: ['agents-a', 'agents-b'],
    ports,
    perMinute,
    lasts: minutes(random.whole(6, 30)),
    ...opening(random),
  })
}

const IDLE = 'Nothing tells it from a shell that a person left open; it is cut when somebody uses it'
const NO_BANNER =
  'No log says that it is SSH, which leaves shape and novelty; a firewall that logs its banner makes it a cut'
const NAMED_IN_DNS = 'Only the resolver’s log has its name: without that log its shape is an ordinary stream’s'
const STREAM =
  'Small messages to an unknown address in TLS: ordinary streams have the shape, more so without resolver logs'
const POOL_PORT = 'A port and a shape: cut only where resolver logs say that no answer gave the address'
const POOL_SHAPE =
  'A tenth of ordinary long flows has the shape: alerted about where no answer gave the address, else watched'
const PROBING = 'A count of attempts is no identity: a cluster that starts does the same'
const DNS =
  'Reputation services ask alike, and a cut leaves the resolver reachable; without resolver logs nothing shows'

export const breakoutKinds: readonly BreakoutKind[] = [
  {
    name: 'ssh -R on 22, visitor (as captured)',
    promise: 'cut',
    make: (random, to) => tunnel(random, to, SSH, turns(random, 'visitor')),
  },
  {
    name: 'ssh -R on 22, visitor (Ethernet)',
    promise: 'cut',
    make: (random, to) => tunnel(random, to, SSH, turns(random, 'visitor', 'ethernet')),
  },
  {
    name: 'ssh -R on 22, typed through',
    promise: 'cut',
    make: (random, to) => tunnel(random, to, SSH, turns(random, 'typing')),
  },
  {
    name: 'ssh -R on 22, idle',
    promise: 'none',
    uncut: IDLE,
    make: (random, to) => tunnel(random, to, SSH, undefined),
  },
  {
    name: 'ssh -R on 22, idle with keepalive',
    promise: 'none',
    uncut: IDLE,
    make: (random, to) => tunnel(random, to, SSH, undefined, { keepalive: `${random.pick([15, 30, 60])}s` }),
  },
  {
    name: 'ssh -R on an odd port, used',
    promise: 'none',
    uncut: NO_BANNER,
    make: (random, to) =>
      tunnel(
        random,
        to,
        random.pick([2222, 2200, 10_022, 8022]),
        turns(random, random.pick(['visitor', 'typing']), 'ethernet'),
      ),
  },
  {
    name: 'ssh -R over 443, used',
    promise: 'none',
    uncut: NO_BANNER,
    make: (random, to) => tunnel(random, to, 443, turns(random, random.pick(['visitor', 'typing']), 'ethernet')),
  },
  {
    name: 'ngrok',
    promise: 'cut',
    make: (random, to) => tool(random, to, 443, { name: 'connect.ngrok-agent.com' }),
  },
  {
    name: 'cloudflared',
    promise: 'cut',
    uncut: NAMED_IN_DNS,
    make: (random, to) =>
      tool(random, to, 7844, {
        name: `region${random.whole(1, 2)}.v2.argotunnel.com`,
        transport: random.pick(['tcp', 'udp']),
      }),
  },
  {
    name: 'bore',
    promise: 'cut',
    uncut: NAMED_IN_DNS,
    make: (random, to) => tool(random, to, 7835, { name: 'bore.pub', tls: false }),
  },
  { name: 'frp, self-hosted', promise: 'none', uncut: STREAM, make: (random, to) => tool(random, to, 7000, {}) },
  {
    name: 'chisel, self-hosted',
    promise: 'none',
    uncut: STREAM,
    make: (random, to) => tool(random, to, random.pick([8080, 443]), { tls: false }),
  },
  {
    name: 'mining, pool named in TLS',
    promise: 'cut',
    make: (random, to) =>
      miner(random, to, random.pick([443, 14_433, 9000]), {
        tls: true,
        pool: random.pick([
          'pool.supportxmr.com',
          'xmr-eu1.nanopool.org',
          'gulf.moneroocean.stream',
          'pool.hashvault.pro',
        ]),
      }),
  },
  {
    name: 'mining, pool named in DNS',
    promise: 'cut',
    uncut: NAMED_IN_DNS,
    make: (random, to) =>
      miner(random, to, random.pick([3333, 5555, 4444, 8008]), {
        tls: false,
        pool: random.pick([
          'rvn.2miners.com',
          'stratum-ravencoin.flypool.org',
          'eth.f2pool.com',
          'de.monero.herominers.com',
        ]),
      }),
  },
  {
    name: 'mining by address, firewall alerts',
    promise: 'cut',
    make: (random, to) => miner(random, to, random.pick([443, 3333, 9000]), { recognised: true }),
  },
  {
    name: 'mining by address, stratum port',
    promise: 'none',
    uncut: POOL_PORT,
    make: (random, to) => miner(random, to, random.pick([3333, 14_444, 45_700]), {}),
  },
  {
    name: 'mining by address, 443',
    promise: 'none',
    uncut: POOL_SHAPE,
    make: (random, to) => miner(random, to, 443, {}),
  },
  {
    name: 'mining by address, odd port',
    promise: 'none',
    uncut: POOL_SHAPE,
    make: (random, to) => miner(random, to, random.pick([9000, 10_128, 20_535]), {}),
  },
  {
    name: 'probing, one port on many hosts',
    promise: 'none',
    uncut: PROBING,
    make: random => probing(random, [random.pick([22, 2375, 6379])], random.whole(10, 300)),
  },
  {
    name: 'probing, many ports',
    promise: 'none',
    uncut: PROBING,
    make: random =>
      probing(
        random,
        [21, 22, 23, 80, 443, 445, 2375, 3306, 3389, 5432, 6379, 8080, 9200, 10_250],
        random.whole(20, 400),
      ),
  },
  {
    name: 'DNS tunnel',
    promise: 'none',
    uncut: DNS,
    make: random => ({
      kind: 'dns-tunnel',
      suffix: `t${random.hex(4)}.example.net`,
      perMinute: random.whole(4, 120),
      opens: random.whole(1800, 36_000) * 1000,
      lasts: random.whole(10, 120) * 60_000,
    }),
  },
]
