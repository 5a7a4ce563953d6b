import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { caseView, type Did } from '../core/rule-case.ts'
import { score } from '../core/score.ts'
import { rules } from './registry.ts'

const RANK = { none: 0, watch: 1, alert: 2, isolate: 3 }

function judged(did: Did) {
  const view = caseView(did)
  const {
    decision,
    score: points,
    peers,
  } = score(
    rules.flatMap(rule => rule.judge(view)),
    view.settings,
  )
  return { rank: RANK[decision ?? 'none'], points, peers: peers.length }
}

const minute = fc.constantFrom(
  { out: [18, 4400], in: [14, 4100] } as const,
  { out: [110, 16_000], in: [220, 15_400] } as const,
  { out: [12, 1200], in: [9, 1200] } as const,
  { out: [400, 26_000], in: [900, 1_200_000] } as const,
  undefined,
)
const connection = fc.record({
  peer: fc.constantFrom('203.0.113.9', '198.51.100.7', '10.0.0.9'),
  port: fc.constantFrom(22, 443, 3333, 7844, 14_433),
  at: fc.nat(30),
  minutes: fc.array(minute, { minLength: 1, maxLength: 30 }),
  by: fc.constantFrom('us', 'them'),
  ends: fc.boolean(),
})
const did = fc.record({
  connections: fc.array(connection, { maxLength: 4 }),
  settings: fc.constantFrom({}, { host: { jobs: [] } }),
  judgedAt: fc.constant(70),
}) satisfies fc.Arbitrary<Did>
const call = fc
  .record({ from: fc.integer({ min: 0, max: 4000 }), lasts: fc.nat(4000), command: fc.string({ maxLength: 300 }) })
  .map(({ from, lasts, command }) => ({ from, to: from + lasts, command }))
const calls = fc.array(call, { minLength: 1, maxLength: 80 })

test('tool calls alone raise nothing, beside a busy GPU either', () => {
  fc.assert(
    fc.property(calls, fc.boolean(), (given, busy) => {
      const loads = busy ? [{ of: 'gpu', busy: true, at: 0 } as const] : []
      const { rank } = judged({ calls: given, loads, settings: { host: { jobs: [] } }, judgedAt: 70 })
      assert.equal(rank, RANK.none)
    }),
    { numRuns: 100 },
  )
})

test('tool calls beside traffic that no rule points at raise nothing', () => {
  fc.assert(
    fc.property(did, calls, (given, said) => {
      const view = caseView(given)
      fc.pre(!rules.some(rule => rule.judge(view).some(({ points }) => points > 0)))
      assert.equal(judged({ ...given, calls: said }).rank, RANK.none)
    }),
    { numRuns: 200 },
  )
})

test('no tool call lowers what is decided, nor takes a peer from it', () => {
  fc.assert(
    fc.property(did, calls, (given, said) => {
      const [without, beside] = [judged(given), judged({ ...given, calls: said })]
      assert.ok(beside.rank >= without.rank && beside.points >= without.points && beside.peers >= without.peers)
    }),
    { numRuns: 300 },
  )
})

test('what a call says is shortened and whole text, whatever the agent writes', () => {
  const minutes = [
    { out: [18, 4400], in: [14, 4100] },
    { out: [110, 16_000], in: [220, 15_400] },
  ] as const
  const view = caseView({
    connections: [{ peer: '203.0.113.9', port: 22, minutes }],
    calls: [{ from: 0, to: 9, tool: 't'.repeat(5000), command: `${'c'.repeat(158)}\ud83d\udd25${'d'.repeat(5000)}` }],
  })
  const [signal] = rules.flatMap(rule => rule.judge(view)).filter(({ rule }) => rule === 'tool-call')
  assert.ok(signal && signal.detail.length < 400 && signal.detail.isWellFormed())
})
