import { type Connection, type RuleCase, steady } from '../../core/rule-case.ts'

const syn = { out: [1, 60], in: [0, 0] } as const
const reset = { out: [2, 100], in: [1, 40] } as const

function attempts(
  count: number,
  target: (index: number) => Pick<Connection, 'peer' | 'port'>,
  more: Partial<Connection> = {},
): Connection[] {
  return Array.from({ length: count }, (_, index) => ({
    ...target(index),
    clientPort: 45_000 + index,
    at: index % 4,
    minutes: [syn],
    ...more,
  }))
}
const horizontal = (index: number) => ({ peer: `10.20.${index >> 6}.${10 + (index & 63)}`, port: 22 })
const vertical = (index: number) => ({ peer: '10.20.9.9', port: 1000 + index })

export const cases: readonly RuleCase[] = [
  {
    name: 'one port on 60 hosts, refused',
    matches: true,
    decision: 'alert',
    did: { connections: attempts(60, horizontal, { refused: true }) },
  },
  {
    name: 'one port on 200 hosts, accepted and reset',
    matches: true,
    decision: 'alert',
    did: { connections: attempts(200, horizontal, { minutes: [reset], ends: true }) },
  },
  {
    name: '30 ports of one host',
    matches: true,
    decision: 'alert',
    did: { connections: attempts(30, vertical) },
  },
  {
    name: 'hosts by IPv6',
    matches: true,
    decision: 'alert',
    did: { connections: attempts(40, index => ({ peer: `fd00:20::${(index + 16).toString(16)}`, port: 443 })) },
  },
  {
    name: 'a cluster that starts: many hosts that answer',
    matches: false,
    decision: 'none',
    did: { connections: attempts(80, horizontal, { minutes: [{ out: [12, 2400], in: [11, 5200] }], ends: true }) },
  },
  {
    name: 'a service that is down and tried again and again',
    matches: false,
    decision: 'none',
    did: { connections: attempts(120, () => ({ peer: '10.20.9.9', port: 8500 })) },
  },
  {
    name: 'ten hosts of a service, all down',
    matches: false,
    decision: 'none',
    did: { connections: attempts(100, index => ({ peer: `10.20.9.${index % 10}`, port: 9092 }), { refused: true }) },
  },
  {
    name: 'the same attempts spread over two hours',
    matches: false,
    decision: 'none',
    did: { connections: attempts(60, horizontal).map((one, index) => ({ ...one, at: index * 2 })) },
  },
  {
    name: 'a host inside that is probed by another',
    matches: false,
    decision: 'none',
    did: {
      connections: attempts(60, vertical, {
        by: 'them',
        minutes: steady(1, syn).map(() => ({ out: [0, 0], in: [1, 60] })),
      }),
    },
  },
]
