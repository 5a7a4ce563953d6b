import type { RuleCase } from '../../core/rule-case.ts'

// Cases begin at 08:00 UTC.
const never = { host: { jobs: [] } }
const busy = { of: 'gpu', busy: true, at: 0 } as const

export const cases: readonly RuleCase[] = [
  {
    name: 'a GPU busy for an hour where no job is ever scheduled, which alone is no finding',
    matches: true,
    decision: 'none',
    did: { loads: [busy], settings: never, judgedAt: 60 },
  },
  {
    name: 'a GPU that goes on after the hours of its jobs',
    matches: true,
    decision: 'none',
    did: { loads: [busy], settings: { host: { jobs: ['22:00-08:30'] } }, judgedAt: 60 },
  },
  {
    name: 'a GPU busy beside a miner’s shape and port',
    matches: true,
    decision: 'isolate',
    did: {
      loads: [busy],
      settings: never,
      connections: [
        {
          peer: '203.0.113.200',
          port: 14_433,
          minutes: Array.from({ length: 20 }, () => ({ out: [12, 1200], in: [9, 1200] })),
        },
      ],
    },
  },
  {
    name: 'a busy GPU where nobody says when jobs run',
    matches: false,
    decision: 'none',
    did: { loads: [busy], judgedAt: 60 },
  },
  {
    name: 'a GPU busy in the hours of its jobs, and a few minutes longer',
    matches: false,
    decision: 'none',
    did: { loads: [busy], settings: { host: { jobs: ['07:00-08:50'] } }, judgedAt: 60 },
  },
  {
    name: 'a GPU that was busy hours ago',
    matches: false,
    decision: 'none',
    did: { loads: [busy, { of: 'gpu', busy: false, at: 60 }], settings: never, judgedAt: 180 },
  },
  {
    name: 'a busy CPU',
    matches: false,
    decision: 'none',
    did: { loads: [{ ...busy, of: 'cpu' }], settings: never, judgedAt: 60 },
  },
]
