import { type Connection, type RuleCase, silent, steady, type Traffic } from '../../core/rule-case.ts'

/** Figures of 52 captures of miners (detection.md, "Shapes"). */
const xmr: Traffic = { out: [8, 900], in: [6, 1000] }
const gpu: Traffic = { out: [40, 1640], in: [41, 11_300] }
const handshake: Traffic = { out: [8, 1700], in: [8, 5600] }

const pool = '203.0.113.77'
const miner: Connection = { peer: pool, port: 14_444, minutes: [handshake, ...steady(40, xmr)] }

export const cases: readonly RuleCase[] = [
  {
    name: 'a pool’s name from DNS and a connection to where it resolved',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, minutes: [handshake] }],
      names: [{ name: 'xmr-eu1.nanopool.org', addresses: [pool] }],
    },
  },
  {
    name: 'a pool on port 443 by the name in the TLS handshake',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, port: 443, minutes: [handshake] }],
      names: [{ name: 'pool.supportxmr.com', via: 'tls', addresses: [pool], port: 443 }],
    },
  },
  {
    name: 'a pool whose stratum host is named as its page is, on its own port',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, port: 2222, minutes: [handshake] }],
      names: [{ name: 'xmr.2miners.com', addresses: [pool] }],
    },
  },
  {
    name: 'a pool that no list knows, by its labels and the port of stratum',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, port: 3333, minutes: [handshake] }],
      names: [{ name: 'rvn-pool.example.net', addresses: [pool] }],
    },
  },
  {
    name: 'a pool that no list knows, by its labels and a port that pools share with others',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, port: 5555, minutes: [handshake] }],
      names: [{ name: 'stratum-ravencoin.example.net', addresses: [pool] }],
    },
  },
  {
    name: 'a pool that no list knows, whose labels say stratum and a coin, on a port of its own',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, port: 8008, minutes: [handshake] }],
      names: [{ name: 'stratum-ravencoin.example.net', addresses: [pool] }],
    },
  },
  {
    name: 'a clock’s stratum, which is no pool’s',
    matches: false,
    decision: 'none',
    did: {
      connections: [{ ...miner, port: 8008, minutes: [handshake] }],
      names: [{ name: 'stratum-one.example.net', addresses: [pool] }],
    },
  },
  {
    name: 'a stream of small messages for hours on an odd port, to a peer of this instance alone',
    matches: true,
    decision: 'watch',
    did: {
      connections: [{ ...miner, port: 50_051 }],
      names: [{ name: 'stream.example.net', addresses: [pool] }],
      dnsCovered: true,
    },
  },
  {
    name: 'an alert of the firewall on a connection that we opened',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, port: 443, minutes: [handshake] }],
      alerts: [{ kind: 'mining', destination: pool }],
    },
  },
  {
    name: 'a connection that the instance opened by the provider’s word, before any flow log of it',
    matches: true,
    decision: 'isolate',
    did: { alerts: [{ kind: 'mining', destination: pool, destinationPort: 3333, own: 'connection' }] },
  },
  {
    name: 'the same where the flow log bears it out without flags',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, port: 3333, minutes: [handshake], flags: false }],
      alerts: [{ kind: 'mining', destination: pool, destinationPort: 3333, own: 'connection' }],
    },
  },
  {
    name: 'the provider’s word against the SYN that we saw from the peer',
    matches: true,
    decision: 'alert',
    did: {
      connections: [{ peer: pool, port: 443, by: 'them', minutes: steady(30, xmr) }],
      alerts: [{ kind: 'mining', destination: pool, destinationPort: 3333, own: 'connection' }],
    },
  },
  {
    name: 'the provider’s word on what it blocked, on UDP and on an address inside',
    matches: true,
    decision: 'alert',
    did: {
      alerts: [
        { kind: 'mining', destination: pool, destinationPort: 3333, own: 'connection', blocked: true },
        { kind: 'mining', destination: pool, destinationPort: 3333, own: 'connection', protocol: 17 },
        { kind: 'mining', destination: '10.20.9.9', destinationPort: 3333, own: 'connection' },
      ],
    },
  },
  {
    name: 'a name that the provider alone knows, asked for and connected to',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...miner, port: 2222, minutes: [handshake] }],
      names: [{ name: 'work.example.net', addresses: [pool] }],
      alerts: [{ kind: 'mining', destination: '', destinationPort: 53, own: 'query', name: 'work.example.net' }],
    },
  },
  {
    name: 'a name that the provider alone knows and that is only asked for',
    matches: true,
    decision: 'alert',
    did: { alerts: [{ kind: 'mining', destination: '', destinationPort: 53, own: 'query', name: 'work.example.net' }] },
  },
  {
    name: 'a name that the provider alone knows, on the web’s port, where its page may be',
    matches: true,
    decision: 'alert',
    did: {
      connections: [{ ...miner, port: 443, minutes: [handshake] }],
      names: [{ name: 'work.example.net', addresses: [pool] }],
      alerts: [{ kind: 'mining', destination: '', destinationPort: 53, own: 'query', name: 'work.example.net' }],
    },
  },
  {
    name: 'a name that the provider takes for a pool and the operator allows',
    matches: false,
    decision: 'none',
    did: {
      alerts: [{ kind: 'mining', destination: '', destinationPort: 53, own: 'query', name: 'work.example.net' }],
      settings: { allow: { names: ['example.net'] } },
    },
  },
  {
    name: 'an alert of the firewall without a connection of ours',
    matches: true,
    decision: 'alert',
    did: { alerts: [{ kind: 'mining', destination: pool }] },
  },
  {
    name: 'an outsider who sends us what the firewall takes for mining',
    matches: true,
    decision: 'alert',
    did: {
      connections: [{ peer: pool, port: 443, by: 'them', minutes: steady(30, xmr) }],
      alerts: [{ kind: 'mining', source: pool, destination: '10.20.1.5' }],
    },
  },
  {
    name: 'stratum’s shape and port on a peer of which nothing else is known',
    matches: true,
    decision: 'alert',
    did: { scopeSize: 0, connections: [miner] },
  },
  {
    name: 'stratum’s shape and port, and a peer of this instance alone',
    matches: true,
    decision: 'alert',
    did: { connections: [miner] },
  },
  {
    name: 'stratum’s shape for half an hour on its port, to an address that no DNS answer gave',
    matches: true,
    decision: 'isolate',
    did: { dnsCovered: true, connections: [{ ...miner, minutes: [handshake, ...steady(60, gpu)] }] },
  },
  {
    name: 'stratum’s shape alone, on 443',
    matches: true,
    decision: 'watch',
    did: { connections: [{ ...miner, port: 443 }] },
  },
  {
    name: 'the website of a pool',
    matches: true,
    decision: 'alert',
    did: {
      connections: [{ peer: pool, port: 443, minutes: [{ out: [30, 4000], in: [80, 90_000] }], ends: true }],
      names: [{ name: 'www.nicehash.com', addresses: [pool] }],
    },
  },
  {
    name: 'a pool’s name that is only asked for',
    matches: true,
    decision: 'alert',
    did: { names: [{ name: 'gulf.moneroocean.stream', addresses: [pool] }] },
  },
  {
    name: 'a pool that refuses us',
    matches: true,
    decision: 'alert',
    did: {
      connections: [{ ...miner, minutes: steady(10, { out: [3, 180], in: [0, 0] }), refused: true }],
      names: [{ name: 'pool.hashvault.pro', addresses: [pool] }],
    },
  },
  {
    name: 'names that only contain a pool’s',
    matches: false,
    decision: 'none',
    did: {
      names: [
        'carpool.example.com',
        'notnanopool.org',
        'nanopool.org.example.com',
        'eth0.example.com',
        'mining.example.com',
      ].map(name => ({ name, addresses: [pool] })),
    },
  },
  {
    name: 'a pool that the operator allows',
    matches: false,
    decision: 'none',
    did: {
      connections: [miner],
      names: [{ name: 'xmr-eu1.nanopool.org', addresses: [pool] }],
      settings: { allow: { names: ['nanopool.org'] } },
    },
  },
  {
    name: 'a node of a coin’s network on its own port',
    matches: true,
    decision: 'alert',
    did: { dnsCovered: true, connections: [{ ...miner, port: 8333, minutes: [handshake, ...steady(60, xmr)] }] },
  },
  {
    name: 'blockchain RPC over a websocket',
    matches: true,
    decision: 'watch',
    did: {
      dnsCovered: true,
      connections: [
        { peer: pool, port: 443, minutes: [handshake, ...steady(60, { out: [14, 1900], in: [16, 4200] })] },
      ],
      names: [{ name: 'mainnet.rpc.example.com', addresses: [pool] }],
    },
  },
  {
    name: 'blockchain RPC by polling: a connection a request',
    matches: false,
    decision: 'none',
    did: {
      connections: Array.from({ length: 40 }, (_, round) => ({
        peer: pool,
        port: 8545,
        clientPort: 44_000 + round,
        at: round,
        minutes: [{ out: [8, 1000], in: [8, 1600] }],
        ends: true,
      })),
      names: [{ name: 'rpc.example.com', addresses: [pool] }],
    },
  },
  {
    name: 'a monitoring agent with TLS for hours that everybody runs',
    matches: true,
    decision: 'none',
    did: {
      connections: [
        { peer: pool, port: 443, minutes: [handshake, ...steady(120, { out: [10, 1400], in: [10, 1500] })] },
      ],
      users: { [pool]: 80 },
    },
  },
  {
    name: 'a connection that is silent most of the time',
    matches: false,
    decision: 'watch',
    did: {
      connections: [{ peer: pool, port: 4222, minutes: Array.from({ length: 15 }, () => [xmr, ...silent(3)]).flat() }],
      users: { [pool]: 40 },
    },
  },
  {
    name: 'NTP',
    matches: false,
    decision: 'none',
    did: { connections: [{ peer: pool, port: 123, protocol: 17, minutes: steady(60, { out: [1, 76], in: [1, 90] }) }] },
  },
  {
    name: 'service discovery inside',
    matches: false,
    decision: 'none',
    did: { connections: [{ peer: '10.20.9.9', port: 3333, minutes: [handshake, ...steady(60, xmr)] }] },
  },
]
