import { type RuleCase, silent, steady } from '../../core/rule-case.ts'
import { alive15, elsewhere, idle, outside, pinged, setUp, tunnel, typedFromOutside, visited } from './figures.ts'
import { lookAlikes } from './look-alikes.ts'

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
    name: 'one ssh -R on port 22 whose visitor never pauses, over Ethernet',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [setUp, ...steady(6, { out: [215, 260_000], in: [165, 12_500] })] },
      ],
    },
  },
  {
    name: 'ssh -R on port 22 whose visitor reads long pages: most of what comes in acknowledges',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [setUp, ...steady(6, { out: [680, 950_000], in: [370, 21_500] })] },
      ],
    },
  },
  {
    name: 'lines of a log of ours sent over SSH, as small as pages',
    matches: true,
    decision: 'alert',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [setUp, ...steady(60, { out: [215, 260_000], in: [110, 5800] })] },
      ],
    },
  },
  {
    name: 'ssh -R of a client that exchanges less, typed through',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [{ out: [16, 2700], in: [12, 2400] }, ...steady(5, typedFromOutside)] },
      ],
    },
  },
  {
    name: 'a shell of ours through which then somebody outside types',
    matches: true,
    decision: 'isolate',
    did: {
      connections: [
        {
          peer: outside,
          port: 22,
          minutes: [setUp, ...steady(10, { out: [208, 14_560], in: [104, 15_600] }), ...steady(5, typedFromOutside)],
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
    name: 'ssh -R on an odd port whose visitors come and go',
    matches: true,
    decision: 'alert',
    did: {
      connections: [
        {
          peer: outside,
          port: 2222,
          minutes: [setUp, ...silent(6), visited, visited, ...silent(3), visited, ...silent(4), visited],
        },
      ],
    },
  },
  {
    name: 'ssh -R on an odd port by a client that exchanges less, with its visitors',
    matches: true,
    decision: 'alert',
    did: {
      connections: [
        {
          peer: outside,
          port: 2222,
          minutes: [{ out: [16, 2700], in: [12, 2400] }, ...silent(6), visited, visited, visited, visited],
        },
      ],
    },
  },
  {
    name: 'a tunnel in TLS to an address that no name led to, whose visitors come and go',
    matches: true,
    decision: 'alert',
    did: {
      dnsCovered: true,
      connections: [
        {
          peer: outside,
          port: 8443,
          minutes: [
            { out: [14, 2900], in: [12, 6400] },
            ...steady(12, pinged),
            visited,
            visited,
            ...steady(4, pinged),
            visited,
            ...steady(3, pinged),
            visited,
          ],
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
  ...lookAlikes,
]
