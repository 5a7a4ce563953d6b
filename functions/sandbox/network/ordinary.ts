import { TCP, UDP } from '../../core/flow.ts'
import type { Random } from '../scenario/random.ts'
import type { WorkKind } from '../scenario/scenario.ts'
import { insideShell, sshSetUp, tlsHandshake } from './breakout-shapes.ts'
import { BARE, FULL, lasting, played, type Shape, startingWith, transfer } from './exchange.ts'
import { bulkUpload, clusterMember, healthCheck, logFollow, messages, poll, pushed } from './look-alikes.ts'

/** One kind of traffic that an instance keeps up by itself: sessions one after another, for ever. */
export interface Work {
  readonly peers: readonly [string, ...string[]]
  readonly port: number
  readonly protocol: number
  /** The name that a TLS handshake says. */
  readonly serverName?: string
  /** The name that it asks the resolver for, where no handshake says one. */
  readonly host?: string
  /** Milliseconds from the end of one session (or of a refused try) to the next opening. */
  readonly gap: (random: Random) => number
  readonly shape: (random: Random) => Shape
}

const MINUTE = 60_000
const MEGABYTE = 1_000_000

/** External services of the sandbox's world, in the example range of RFC 5737. */
const services = {
  mirrors: ['198.51.100.10', '198.51.100.11'],
  forge: ['198.51.100.22'],
  storage: ['198.51.100.64', '198.51.100.65'],
  models: ['198.51.100.80', '198.51.100.81'],
  time: ['198.51.100.123', '198.51.100.124'],
  monitoring: ['198.51.100.200'],
  sockets: ['198.51.100.210'],
  ledgers: ['198.51.100.220'],
  provider: ['198.51.100.240', '198.51.100.241', '198.51.100.242'],
  streams: ['198.51.100.150'],
  apis: ['198.51.100.151', '198.51.100.152'],
  registries: ['198.51.100.66'],
  backups: ['198.51.100.30'],
  hosts: ['198.51.100.31'],
  mesh: ['198.51.100.160'],
  editors: ['198.51.100.161'],
  /** A network behind a peering: databases, and what service discovery and a cluster connect to. */
  databases: ['10.99.0.10', '10.99.0.11'],
  members: ['10.99.1.1', ...Array.from({ length: 11 }, (_, index) => `10.99.1.${index + 2}`)],
} satisfies Record<string, readonly [string, ...string[]]>

export const ordinary: Readonly<Record<WorkKind, Work>> = {
  'package-mirror': {
    peers: services.mirrors,
    port: 443,
    protocol: TCP,
    serverName: 'mirror.example.org',
    gap: random => 5 * MINUTE + random.exponential(90 * MINUTE),
    shape: random =>
      played([tlsHandshake(random), ...transfer(random.between(0.2, 20) * MEGABYTE, 8 * MEGABYTE, 'in')]),
  },
  'git-ssh': {
    peers: services.forge,
    port: 22,
    protocol: TCP,
    host: 'forge.example.org',
    gap: random => 5 * MINUTE + random.exponential(55 * MINUTE),
    shape: random => played([...sshSetUp(random), ...transfer(random.between(0.1, 30) * MEGABYTE, 4 * MEGABYTE, 'in')]),
  },
  'object-storage': {
    peers: services.storage,
    port: 443,
    protocol: TCP,
    serverName: 'bucket.storage.example.com',
    gap: random => 2 * MINUTE + random.exponential(25 * MINUTE),
    shape: random =>
      played([
        tlsHandshake(random),
        ...transfer(random.between(1, 80) * MEGABYTE, 20 * MEGABYTE, random.next() < 0.5 ? 'in' : 'out'),
      ]),
  },
  'model-api': {
    peers: services.models,
    port: 443,
    protocol: TCP,
    serverName: 'api.models.example.com',
    gap: random => random.between(MINUTE, 10 * MINUTE),
    shape: random => startingWith([tlsHandshake(random)], modelStream(random, random.between(10, 240) * MINUTE)),
  },
  ntp: {
    peers: services.time,
    port: 123,
    protocol: UDP,
    // A settled daemon polls every 1024 s (RFC 5905).
    gap: random => random.between(1000, 1050) * 1000,
    // 48 bytes of NTP in UDP over IPv4.
    shape: () => played([{ wait: 20, by: 'local', packetsOut: 1, bytesOut: 76, packetsIn: 1, bytesIn: 76 }]),
  },
  monitoring: {
    peers: services.monitoring,
    port: 443,
    protocol: TCP,
    serverName: 'collector.monitoring.example.net',
    gap: random => random.between(2000, 30_000),
    shape: random =>
      startingWith(
        [tlsHandshake(random)],
        until(random.between(4, 12) * 60 * MINUTE, () => ({
          wait: random.between(14_500, 15_500),
          by: 'local',
          packetsOut: 3,
          bytesOut: random.whole(1800, 3200),
          packetsIn: 2,
          bytesIn: random.whole(180, 320),
        })),
      ),
  },
  websocket: {
    peers: services.sockets,
    port: 443,
    protocol: TCP,
    serverName: 'events.example.com',
    gap: random => random.between(5000, 60_000),
    shape: random =>
      startingWith(
        [tlsHandshake(random)],
        until(random.between(30, 300) * MINUTE, () =>
          random.next() < 0.3
            ? {
                wait: random.between(2000, 20_000),
                by: 'remote',
                packetsOut: 1,
                bytesOut: BARE,
                packetsIn: 2,
                bytesIn: random.whole(900, 2600),
              }
            : { wait: 30_000, by: 'local', packetsOut: 2, bytesOut: BARE + 80, packetsIn: 1, bytesIn: 80 },
        ),
      ),
  },
  'ledger-rpc': {
    peers: services.ledgers,
    port: 443,
    protocol: TCP,
    serverName: 'rpc.ledger.example.com',
    gap: random => random.exponential(4 * MINUTE),
    shape: random =>
      startingWith(
        [tlsHandshake(random)],
        until(random.between(1, 20) * MINUTE, () => ({
          wait: 1000 + random.exponential(6000),
          by: 'local',
          packetsOut: 2,
          bytesOut: random.whole(420, 900),
          packetsIn: random.whole(2, 6),
          bytesIn: random.whole(1200, 7000),
        })),
      ),
  },
  /** The provider's own agent for commands and sessions: one long poll after another on a connection of hours. */
  'provider-agent': {
    peers: services.provider,
    port: 443,
    protocol: TCP,
    serverName: 'messages.provider.example.com',
    gap: random => random.between(1000, 20_000),
    shape: random =>
      startingWith(
        [tlsHandshake(random)],
        until(random.between(20, 60) * MINUTE, () => ({
          wait: random.between(18_000, 60_000),
          by: 'local',
          packetsOut: 2,
          bytesOut: random.whole(160, 1400),
          packetsIn: 2,
          bytesIn: random.whole(160, 700),
        })),
      ),
  },
  'grpc-stream': {
    peers: services.streams,
    port: 50_051,
    protocol: TCP,
    host: 'stream.example.net',
    gap: random => random.between(1000, 60_000),
    shape: random => startingWith([tlsHandshake(random)], lasting(random.between(20, 480) * MINUTE, messages(random))),
  },
  'https-poll': {
    peers: services.apis,
    port: 443,
    protocol: TCP,
    serverName: 'api.example.net',
    gap: random => random.between(20_000, 60_000),
    shape: poll,
  },
  database: {
    peers: services.databases,
    port: 5432,
    protocol: TCP,
    host: 'primary.database.example.com',
    gap: random => random.between(1000, 20_000),
    shape: random =>
      startingWith(
        [tlsHandshake(random)],
        until(random.between(10, 60) * MINUTE, () => ({
          wait: 200 + random.exponential(15_000),
          by: 'local',
          packetsOut: 3,
          bytesOut: random.whole(300, 1200),
          packetsIn: random.whole(2, 8),
          bytesIn: random.whole(300, 9000),
        })),
      ),
  },
  'artefact-push': {
    peers: services.registries,
    port: 443,
    protocol: TCP,
    serverName: 'registry.example.com',
    gap: random => 20 * MINUTE + random.exponential(120 * MINUTE),
    shape: random => pushed(random, [tlsHandshake(random)]),
  },
  /** rsync or scp: a connection each, some minutes at the wire's rate or a limited one. */
  'ssh-backup': {
    peers: services.backups,
    port: 22,
    protocol: TCP,
    host: 'backup.example.net',
    gap: random => random.between(60, 240) * MINUTE,
    shape: bulkUpload,
  },
  'ssh-log-follow': {
    peers: services.hosts,
    port: 22,
    protocol: TCP,
    host: 'build.example.net',
    gap: random => 60 * MINUTE + random.exponential(240 * MINUTE),
    shape: random => startingWith(sshSetUp(random), lasting(random.between(5, 180) * MINUTE, logFollow(random))),
  },
  'ssh-shell': {
    peers: services.hosts,
    port: 22,
    protocol: TCP,
    host: 'login.example.net',
    gap: random => 60 * MINUTE + random.exponential(240 * MINUTE),
    shape: random => lasting(random.between(3, 90) * MINUTE, insideShell(random)),
  },
  'mesh-vpn': {
    peers: services.mesh,
    port: 443,
    protocol: TCP,
    serverName: 'controlplane.tailscale.com',
    gap: random => random.between(1000, 60_000),
    shape: random => startingWith([tlsHandshake(random)], lasting(random.between(60, 600) * MINUTE, messages(random))),
  },
  'editor-tunnel': {
    peers: services.editors,
    port: 443,
    protocol: TCP,
    serverName: 'euw.rel.tunnels.api.visualstudio.com',
    gap: random => random.between(1000, 600_000),
    shape: random => startingWith([tlsHandshake(random)], lasting(random.between(20, 300) * MINUTE, messages(random))),
  },
  'service-discovery': {
    peers: services.members,
    port: 8500,
    protocol: TCP,
    gap: random => random.between(3000, 9000),
    shape: healthCheck,
  },
  /** One of several workers that find each other on a few ports each. */
  'cluster-start': {
    peers: services.members,
    port: 29_500,
    protocol: TCP,
    gap: random => random.between(500, 240_000),
    shape: clusterMember,
  },
}

/** HTTPS to one address every few minutes: how a neighbour comes to need a peer that a tunnel also uses. */
export function callsTo(address: string): Work {
  return {
    peers: [address],
    port: 443,
    protocol: TCP,
    serverName: 'shared-host.example.net',
    gap: random => MINUTE + random.exponential(4 * MINUTE),
    shape: random => played([tlsHandshake(random), ...transfer(random.between(0.01, 0.5) * MEGABYTE, MEGABYTE, 'in')]),
  }
}

function until(age: number, shape: Shape): Shape {
  return now => (now >= age ? undefined : shape(now))
}

/** Requests of some kilobytes out, answers streamed token by token in many small packets, then the agent works. */
function modelStream(random: Random, lifetime: number): Shape {
  let streaming = 0
  return age => {
    if (streaming > 0) {
      streaming -= 1
      const packets = random.whole(12, 30)
      const acknowledged = Math.round(packets / 2)
      return {
        wait: 2500,
        by: 'remote',
        packetsOut: acknowledged,
        bytesOut: acknowledged * BARE,
        packetsIn: packets,
        bytesIn: packets * random.whole(170, 340),
      }
    }
    if (age >= lifetime) return undefined
    streaming = random.whole(2, 14)
    const bytes = random.whole(3000, 40_000)
    const packets = Math.ceil(bytes / (FULL - BARE))
    return {
      wait: 2000 + random.exponential(40_000),
      by: 'local',
      packetsOut: packets,
      bytesOut: bytes + packets * BARE,
      packetsIn: Math.ceil(packets / 2),
      bytesIn: Math.ceil(packets / 2) * BARE,
    }
  }
}
