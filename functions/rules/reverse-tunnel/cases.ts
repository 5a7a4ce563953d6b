import { type Connection, type RuleCase, silent, steady, type Traffic } from '../../core/rule-case.ts'

/** Figures of OpenSSH 9.2 on loopback (detection.md, "Shapes"). */
const setUp: Traffic = { out: [18, 4400], in: [14, 4100] }
const typedFromOutside: Traffic = { out: [110, 16_000], in: [220, 15_400] }
const typedFromInside: Traffic = { out: [208, 14_560], in: [104, 15_600] }
const visited: Traffic = { out: [55, 246_000], in: [72, 7000] }
const alive15: Traffic = { out: [8, 624], in: [4, 320] }

const outside = '203.0.113.9'
const tunnel: Connection = { peer: outside, port: 22, minutes: [setUp, ...steady(10, typedFromOutside)] }
const idle: Connection = { peer: outside, port: 22, minutes: [setUp] }
const elsewhere: Connection = {
  peer: '198.51.100.20',
  port: 443,
  clientPort: 41_000,
  minutes: steady(180, { out: [12, 1800], in: [14, 9000] }),
}

export const cases: readonly RuleCase[] = [
  {
    name: 'one ssh -R on port 22 that a person uses, and nothing else',
    matches: true,
    decision: 'isolate',
    did: { connections: [tunnel] },
  },
  {
    name: 'one ssh -R on port 22 whose visitors fetch pages',
    matches: true,
    decision: 'isolate',
    did: {
      dnsCovered: true,
      connections: [
        {
          peer: outside,
          port: 22,
          minutes: [setUp, visited, visited, ...silent(3), visited, ...silent(2), visited, ...silent(4), visited],
        },
      ],
    },
  },
  {
    name: 'ssh -R over IPv6 in a small scope',
    matches: true,
    decision: 'isolate',
    did: { scopeSize: 3, connections: [{ ...tunnel, peer: '2001:db8::9' }] },
  },
  {
    name: 'ssh -R used in short turns hours apart',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [
        {
          peer: outside,
          port: 22,
          minutes: [setUp, ...[0, 1, 2].flatMap(() => [...silent(80), ...steady(2, typedFromOutside)])],
        },
      ],
    },
  },
  {
    name: 'the same over 443',
    matches: true,
    decision: 'alert',
    did: { dnsCovered: true, connections: [{ ...tunnel, port: 443 }] },
  },
  {
    name: 'over 443 with the banner of SSH in the firewall’s log',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...tunnel, port: 443 }],
      names: [{ name: 'SSH-2.0-OpenSSH_9.2', via: 'ssh', addresses: [outside], port: 443 }],
    },
  },
  {
    name: 'ssh -R on port 22 in a log without TCP flags: nobody proves who opened it',
    matches: true,
    decision: 'alert',
    did: { dnsCovered: true, connections: [{ ...tunnel, flags: false }] },
  },
  {
    name: 'ssh -R without TCP flags, to a name that we asked for',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ ...tunnel, flags: false, minutes: steady(40, typedFromOutside) }],
      names: [{ name: 'relay.example.net', addresses: [outside] }],
    },
  },
  {
    name: 'ssh -R that lies idle for two hours',
    matches: true,
    decision: 'alert',
    did: { dnsCovered: true, connections: [idle, elsewhere] },
  },
  {
    name: 'ssh -R kept alive every 15 s and unused',
    matches: true,
    decision: 'alert',
    did: { dnsCovered: true, connections: [{ ...idle, minutes: [setUp, ...steady(60, alive15)] }] },
  },
  {
    name: 'cloudflared, by the name that it resolved',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [
        { peer: '198.51.100.7', port: 7844, protocol: 17, minutes: steady(2, { out: [40, 9000], in: [38, 8000] }) },
      ],
      names: [{ name: 'region1.v2.argotunnel.com', addresses: ['198.51.100.7'] }],
    },
  },
  {
    name: 'cloudflared, by the addresses that Cloudflare publishes',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ peer: '198.41.192.77', port: 7844, minutes: steady(2, { out: [40, 9000], in: [38, 8000] }) }],
    },
  },
  {
    name: 'bore, by name and port',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ peer: outside, port: 7835, minutes: steady(1, { out: [6, 500], in: [5, 400] }) }],
      names: [{ name: 'bore.pub', addresses: [outside] }],
    },
  },
  {
    name: 'ngrok, by the name in its TLS handshake',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ peer: outside, port: 443, minutes: steady(3, { out: [20, 4000], in: [22, 6000] }) }],
      names: [{ name: 'connect.ngrok-agent.com', via: 'tls', addresses: [outside], port: 443 }],
    },
  },
  {
    name: 'chisel, by its banner',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ peer: outside, port: 8080, minutes: steady(3, { out: [20, 4000], in: [22, 4000] }) }],
      names: [{ name: 'SSH-chisel-v3-client', via: 'ssh', addresses: [outside], port: 8080 }],
    },
  },
  {
    name: 'a tunnel alert of the firewall on a connection that we opened',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [{ peer: outside, port: 443, minutes: steady(2, { out: [20, 4000], in: [22, 6000] }) }],
      alerts: [{ kind: 'tunnel', destination: outside }],
    },
  },
  {
    name: 'any SSH session out, where the policy forbids it',
    matches: true,
    decision: 'isolate',
    did: { connections: [{ ...idle, ends: true }], settings: { egress: { ssh: 'forbidden' } } },
  },
  {
    name: 'a probe of a port 22 outside, where the policy forbids SSH: no session',
    matches: true,
    decision: 'watch',
    did: {
      connections: [{ peer: outside, port: 22, minutes: [{ out: [4, 220], in: [3, 180] }], ends: true }],
      settings: { egress: { ssh: 'forbidden' } },
    },
  },
  {
    name: 'SSH to an address on the allow-list, even where the policy forbids it',
    matches: false,
    decision: 'none',
    did: {
      connections: [tunnel],
      settings: { egress: { ssh: 'forbidden' }, allow: { addresses: ['203.0.113.0/24'] } },
    },
  },
  {
    name: 'the website of a tunnel service',
    matches: true,
    decision: 'alert',
    did: {
      connections: [{ peer: outside, port: 443, minutes: [{ out: [20, 3000], in: [60, 80_000] }], ends: true }],
      names: [{ name: 'ngrok.com', addresses: [outside] }],
    },
  },
  {
    name: 'a tunnel’s ingress that is asked for and never connected to',
    matches: true,
    decision: 'alert',
    did: { names: [{ name: 'region2.v2.argotunnel.com', addresses: ['198.51.100.7'] }] },
  },
  {
    name: 'VS Code’s tunnels where they are sanctioned',
    matches: false,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 443, minutes: steady(30, { out: [20, 3000], in: [24, 4000] }) }],
      names: [{ name: 'euw-data.rel.tunnels.api.visualstudio.com', addresses: [outside] }],
      settings: { allow: { names: ['visualstudio.com'] } },
    },
  },
  {
    name: 'Tailscale where it is sanctioned',
    matches: false,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 443, minutes: steady(30, { out: [4, 500], in: [4, 500] }) }],
      names: [{ name: 'controlplane.tailscale.com', addresses: [outside] }],
      settings: { allow: { names: ['tailscale.com'] } },
    },
  },
  {
    name: 'git clone over SSH from a public forge',
    matches: true,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 22, minutes: [{ out: [400, 26_000], in: [900, 1_200_000] }], ends: true }],
      users: { [outside]: 40 },
    },
  },
  {
    name: 'a long clone that goes on for minutes',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: outside,
          port: 22,
          minutes: [
            { out: [900, 60_000], in: [4000, 5_600_000] },
            ...steady(9, { out: [3000, 160_000], in: [9000, 13_000_000] }),
          ],
          ends: true,
        },
      ],
    },
  },
  {
    name: 'a git fetch whose end falls into the next window',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [setUp, { out: [8, 700], in: [8, 900] }], ends: true },
        { ...elsewhere, minutes: elsewhere.minutes.slice(0, 10) },
      ],
    },
  },
  {
    name: 'backups by rsync over SSH: a connection each',
    matches: true,
    decision: 'alert',
    did: {
      connections: [0, 1, 2, 3].map(round => ({
        peer: outside,
        port: 22,
        clientPort: 42_000 + round,
        at: round * 10,
        minutes: [
          { out: [4000, 5_000_000], in: [2000, 110_000] },
          ...steady(5, { out: [9000, 12_000_000], in: [4000, 220_000] }),
        ],
        ends: true,
      })),
    },
  },
  {
    name: 'a person inside at a shell elsewhere',
    matches: true,
    decision: 'alert',
    did: {
      dnsCovered: true,
      connections: [{ peer: outside, port: 22, minutes: [setUp, ...steady(90, typedFromInside)] }],
    },
  },
  {
    name: 'following a log over SSH from inside',
    matches: true,
    decision: 'alert',
    did: {
      dnsCovered: true,
      connections: [
        { peer: outside, port: 22, minutes: [setUp, ...steady(60, { out: [60, 3120], in: [120, 12_000] })] },
      ],
    },
  },
  {
    name: 'a monitoring agent with TLS for hours',
    matches: true,
    decision: 'watch',
    did: {
      connections: [{ peer: outside, port: 443, minutes: steady(180, { out: [8, 3000], in: [8, 1100] }) }],
      names: [{ name: 'intake.example.com', addresses: [outside] }],
      dnsCovered: true,
    },
  },
  {
    name: 'the provider’s own agents, which everybody runs',
    matches: true,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 443, minutes: steady(180, { out: [6, 900], in: [6, 700] }) }],
      users: { [outside]: 90 },
      settings: { providerRanges: ['203.0.113.0/24'] },
    },
  },
  {
    name: 'a websocket that pushes small messages',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: outside,
          port: 443,
          minutes: [{ out: [10, 1300], in: [12, 5200] }, ...steady(59, { out: [60, 3300], in: [110, 11_500] })],
        },
      ],
      names: [{ name: 'stream.example.com', addresses: [outside] }],
      dnsCovered: true,
    },
  },
  {
    name: 'a model API that streams its answers',
    matches: false,
    decision: 'none',
    did: {
      connections: Array.from({ length: 6 }, (_, round) => ({
        peer: outside,
        port: 443,
        clientPort: 43_000 + round,
        at: round * 3,
        minutes: [
          { out: [40, 9000], in: [300, 90_000] },
          { out: [30, 1800], in: [280, 84_000] },
        ],
        ends: true,
      })),
      names: [{ name: 'models.example.com', addresses: [outside] }],
    },
  },
  {
    name: 'package mirrors',
    matches: false,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 443, minutes: [{ out: [900, 60_000], in: [4000, 5_000_000] }], ends: true }],
    },
  },
  {
    name: 'NTP',
    matches: false,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 123, protocol: 17, minutes: steady(120, { out: [1, 76], in: [1, 76] }) }],
    },
  },
  {
    name: 'an administrator who comes in over SSH and types',
    matches: false,
    decision: 'none',
    did: { connections: [{ peer: outside, port: 22, by: 'them', minutes: [setUp, ...steady(60, typedFromOutside)] }] },
  },
  {
    name: 'SSH inside the network',
    matches: false,
    decision: 'none',
    did: { connections: [{ ...tunnel, peer: '10.20.9.9' }] },
  },
  {
    name: 'SSH out that is refused',
    matches: false,
    decision: 'none',
    did: { connections: [{ ...idle, minutes: steady(20, { out: [3, 180], in: [0, 0] }), refused: true }] },
  },
]
