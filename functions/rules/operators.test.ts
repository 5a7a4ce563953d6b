import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caseView, type Did } from '../core/rule-case.ts'
import { score } from '../core/score.ts'
import { rules } from './registry.ts'

const peer = '203.0.113.9'
const minutes = [{ out: [20, 3000], in: [30, 9000] }] as const
const connection = { peer, port: 8443, minutes }

function decided(indicators: readonly string[], did: Did): string {
  const view = caseView({ settings: { indicators }, ...did })
  return (
    score(
      rules.flatMap(rule => rule.judge(view)),
      view.settings,
    ).decision ?? 'none'
  )
}

const named = (name: string): Did => ({ connections: [connection], names: [{ name, addresses: [peer] }] })

test('an address of the operator’s list isolates whoever opened a connection to it, and nobody else', () => {
  for (const kind of ['tunnel-range', 'pool-range']) {
    const list = [`${kind} 203.0.113.0/28 # incident 4711, 2026-11-18`]
    assert.equal(decided(list, { connections: [connection] }), 'isolate')
    assert.equal(decided(list, { connections: [{ ...connection, by: 'them' }] }) === 'isolate', false)
    assert.equal(decided([`${kind} 203.0.113.128/25`], { connections: [connection] }), 'none')
  }
})

test('a name of the list isolates with a connection to where it resolved, and alerts alone', () => {
  for (const [kind, decision] of [
    ['tunnel-ingress', 'isolate'],
    ['pool', 'isolate'],
    ['tunnel-service', 'alert'],
  ] as const) {
    const list = [`${kind} relay.example.net`]
    assert.equal(decided(list, named('eu.relay.example.net')), decision, kind)
    assert.equal(decided(list, named('notrelay.example.net')), 'none', kind)
    assert.equal(decided(list, { names: [{ name: 'relay.example.net', addresses: [] }], judgedAt: 5 }), 'alert', kind)
  }
})

test('what the operator allows goes before what his list names', () => {
  const view = caseView({
    ...named('relay.example.net'),
    settings: { indicators: ['pool relay.example.net'], allow: { names: ['relay.example.net'] } },
  })
  assert.deepEqual(
    rules.flatMap(rule => rule.judge(view)).filter(({ family }) => family === 'identity'),
    [],
  )
})

test('names of the list are kept when others flood the state', () => {
  const { settings } = caseView({
    settings: { indicators: ['pool relay.example.net', 'tunnel-service t.example.org'] },
  })
  const kept = (name: string) => rules.some(rule => rule.keeps?.(name, settings))
  assert.ok(kept('a.relay.example.net') && kept('t.example.org') && !kept('example.net'))
})
