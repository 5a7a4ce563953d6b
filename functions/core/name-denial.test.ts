import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineOf, findingOf } from './engine-fixture.ts'
import type { Finding } from './finding.ts'
import type { Incident } from './incident.ts'
import { DENY_NAMES, namesToDeny, openTunnelNames, whyNameOpen } from './name-denial.ts'
import { respond } from './respond.ts'

type Signal = Finding['signals'][number]

const signal = (over: Partial<Signal>): Signal => ({
  ...{ rule: 'mining-pool', family: 'identity', points: 100, own: true, first: 1_800_000_000, last: 1_800_000_000 },
  ...{ detail: '' },
  ...over,
})

async function incidentOf(...signals: Partial<Signal>[]): Promise<Incident> {
  const engine = await engineOf()
  const finding = findingOf({ signals: signals.map(signal) })
  const incident = await respond(engine.ports, engine.settings, { kind: 'finding', finding }, engine.invocation('one'))
  assert.ok(incident)
  return incident
}

const tunnel = { rule: 'dns-tunnel', family: 'shape', points: 80 } as const

test('names that give a breakout away are denied, each once, and no shape, outsider or benign reading', async () => {
  const incident = await incidentOf(
    { name: 'pool.example.com' },
    { name: 'pool.example.com', rule: 'reverse-tunnel' },
    { ...tunnel, name: 't.example.org' },
    { name: 'rare.example.net', rule: 'mining-pool', family: 'novelty' },
    { name: 'outsider.example.net', own: false },
    { name: 'benign.example.net', points: -30 },
  )
  assert.deepEqual(namesToDeny(incident), ['pool.example.com', 't.example.org'])
})

test('what is no name is not denied: a banner, an address, a top-level domain, a label that is too long', async () => {
  const bad = [
    'SSH-2.0-Go',
    '203.0.113.9',
    'com',
    `${'a'.repeat(64)}.example.com`,
    '*.example.com',
    'a..example.com',
    '',
  ]
  assert.deepEqual(namesToDeny(await incidentOf(...bad.map(name => ({ name })))), [])
})

test("a tunnel's suffix stays open until the step has denied it, and again once that was taken back", async () => {
  const incident = await incidentOf({ name: 'pool.example.com' }, { ...tunnel, name: 't.example.org' })
  assert.deepEqual(openTunnelNames(incident), ['t.example.org'])
  const record = {
    ...{ status: 'done' as const, attempts: 1, covers: '', at: 1, done: [], unable: [], reason: '' },
    facts: { denied: ['t.example.org'] },
  }
  const denied = { ...incident, steps: { ...incident.steps, [DENY_NAMES]: record } }
  assert.deepEqual(openTunnelNames(denied), [])
  const reverted = { ...denied, steps: { [DENY_NAMES]: { ...record, status: 'reverted' as const } } }
  assert.deepEqual(openTunnelNames(reverted), ['t.example.org'])
  const refused = { ...record, facts: { denied: [], refused: ['t.example.org: A neighbour uses it'] } }
  assert.equal(whyNameOpen({ ...incident, steps: { [DENY_NAMES]: refused } }, 't.example.org'), ': A neighbour uses it')
})
