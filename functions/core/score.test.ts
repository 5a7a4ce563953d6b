import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RuleSettings } from './rule-settings.ts'
import { score } from './score.ts'
import type { Signal } from './signal.ts'

const settings = RuleSettings.parse({})

function signal(family: Signal['family'], points: number, more: Partial<Signal> = {}): Signal {
  return {
    rule: 'r',
    family,
    points,
    peer: '192.0.2.1',
    port: 22,
    protocol: 6,
    own: true,
    first: 0,
    last: 0,
    detail: '',
    ...more,
  }
}
const decide = (...signals: Signal[]) => score(signals, settings).decision

test('score() isolates on one identity signal', () => {
  const judged = score([signal('identity', 100)], settings)
  assert.equal(judged.decision, 'isolate')
  assert.deepEqual(judged.peers, [{ address: '192.0.2.1', port: 22, protocol: 6 }])
})

test('score() isolates on three families and alerts on two with the same points', () => {
  assert.equal(decide(signal('shape', 60), signal('novelty', 20), signal('context', 20)), 'isolate')
  assert.equal(decide(signal('shape', 60), signal('novelty', 60)), 'alert')
  assert.equal(decide(signal('shape', 400)), 'alert')
})

test('score() counts a family whose points are negative in sum as none', () => {
  const shape = signal('shape', 90)
  assert.equal(decide(shape, signal('novelty', 35), signal('context', 20), signal('context', -40)), 'alert')
})

test('score() does not add up peers, nor rival readings of one peer', () => {
  const other = { peer: '192.0.2.2' }
  assert.equal(decide(signal('shape', 60), signal('novelty', 20, other), signal('context', 20, other)), 'alert')
  assert.equal(
    decide(signal('shape', 60), signal('shape', 60, { rule: 's' }), signal('context', 20), signal('novelty', 15)),
    'alert',
  )
})

test('score() does not count the same rule on two ports of one peer twice', () => {
  const [here, there] = [signal('shape', 45), signal('shape', 45, { port: 443 })]
  assert.equal(score([here, there], settings).score, 45)
  assert.equal(score([here, signal('shape', 40)], settings).score, 85)
})

test('score() does not add up two weak identities and does not take one for a family', () => {
  const weak = signal('identity', 60)
  assert.equal(score([weak, signal('identity', 60, { name: 'b.example' })], settings).score, 60)
  assert.equal(decide(weak, signal('shape', 25), signal('novelty', 35)), 'alert')
})

test('score() sets what the host says beside each case, and what it says of a peer beside that peer’s', () => {
  const [shape, context] = [signal('shape', 70), signal('context', 20)]
  const host = { rule: 'agent-trace', own: false }
  assert.equal(decide(shape, context, signal('host', 10, { ...host, peer: undefined })), 'isolate')
  assert.equal(decide(shape, context, signal('host', 10, host)), 'isolate')
  assert.equal(decide(shape, context, signal('host', 10, { ...host, peer: '192.0.2.2' })), 'alert')
  assert.equal(decide(signal('host', 35, { ...host, peer: undefined })), 'watch')
  assert.equal(decide(signal('shape', 45), signal('host', 35, { ...host, peer: undefined })), 'alert')
})

test('score() lets no tool call raise a case to an alert, since agents open most of their ordinary work by one', () => {
  const call = signal('host', 30, { rule: 'tool-call', own: false })
  const judged = score([signal('shape', 40), signal('novelty', 15), call], settings)
  assert.equal(judged.decision, 'watch')
  assert.equal(judged.score, settings.score.alert - 1)
  assert.equal(decide(signal('shape', 20), call), 'watch')
  assert.equal(decide(signal('shape', 40), signal('novelty', 35), call), 'isolate')
})

test('score() says nothing of an instance without signals', () => {
  assert.deepEqual(score([], settings), { score: 0, decision: undefined, peers: [], kinds: [], signals: [] })
})

const anySignal = fc.record({
  rule: fc.constantFrom('a', 'b'),
  family: fc.constantFrom('identity', 'shape', 'novelty', 'context', 'host'),
  points: fc.integer({ min: -60, max: 120 }),
  peer: fc.constantFrom('192.0.2.1', '192.0.2.2', undefined),
  port: fc.constantFrom(22, 443),
  protocol: fc.constant(6),
  own: fc.boolean(),
  first: fc.constant(0),
  last: fc.constant(0),
  detail: fc.constant(''),
})

test('score() never isolates without a signal that rests on what the instance sent', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { maxLength: 12 }), signals => {
      assert.notEqual(
        score(
          signals.map(one => ({ ...one, own: false })),
          settings,
        ).decision,
        'isolate',
      )
    }),
    { numRuns: 3000 },
  )
})

test('score() does not depend on the order of the signals, and another peer’s signal never lowers it', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { maxLength: 12 }), signals => {
      const judged = score(signals, settings)
      const turned = score(signals.toReversed(), settings)
      assert.equal(turned.score, judged.score)
      assert.equal(turned.decision, judged.decision)
      const stranger = signal('shape', judged.score > 0 ? judged.score : 0, { peer: '203.0.113.1' })
      assert.ok(score([...signals, stranger], settings).score >= judged.score)
    }),
  )
})
