import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPacked, rowValue, type Told } from './instance-row.ts'
import type { InstanceRow } from './inventory.ts'
import { findingOf } from './judging.ts'
import { RuleSettings } from './rule-settings.ts'
import { score } from './score.ts'
import type { Signal } from './signal.ts'

const T = Date.parse('2026-03-05T10:00:00Z')
const settings = RuleSettings.parse({})
const row: InstanceRow = {
  ...{ instance: 'i-1', account: '111122223333', region: 'eu-central-1', vpc: 'vpc-1' },
  ...{ launchedAt: 0, tags: {}, scopedAt: T, interfaces: [], seenAt: T },
}

const signal = (rule: string, over: Partial<Signal> = {}): Signal => ({
  ...{ rule, family: 'identity', points: 60, own: true, first: T / 1000, last: T / 1000, detail: '' },
  ...over,
})
const pool = { peer: '203.0.113.9', port: 3333, protocol: 6 }
const probing = signal('internal-probing', { family: 'shape' })

/** Judges one set of signals after another, and says for each whether it is told. */
function tellings(sets: readonly (readonly Signal[])[], before?: Told): boolean[] {
  let told = before
  return sets.map(signals => {
    const found = findingOf({ ...score(signals, settings), exhibits: [] }, { told, owed: [] }, row, T, undefined)
    told = found?.told ?? told
    return found !== undefined
  })
}

test('findingOf() tells a second kind of breakout that names no peer, once', () => {
  const first = [signal('mining-pool', pool)]
  const suffix = signal('dns-tunnel', { family: 'shape', name: 'tunnel.example' })
  const other = signal('dns-tunnel', { family: 'shape', name: 'other.example' })
  assert.deepEqual(
    tellings([
      first,
      first,
      [...first, probing],
      [...first, probing],
      [...first, probing, suffix],
      [suffix],
      [...first, suffix, other],
      [...first, probing, suffix, other],
    ]),
    [true, false, true, false, true, false, true, false],
  )
})

test('findingOf() tells a second kind of breakout on a peer that was told, and an alert without a peer of one that was not', () => {
  const mining = signal('mining-pool', pool)
  assert.deepEqual(tellings([[mining], [mining, signal('reverse-tunnel', pool)], [mining, signal('reverse-tunnel')]]), [
    ...[true, true, false],
  ])
})

test('findingOf() tells no kind of breakout that is only watched', () => {
  const mining = signal('mining-pool', pool)
  const watched = signal('reverse-tunnel', { family: 'shape', points: 40, peer: '203.0.113.10', port: 22, protocol: 6 })
  assert.deepEqual(tellings([[mining], [mining, watched]]), [true, false])
})

test('findingOf() tells at most eight names of a rule, and another rule after them', () => {
  const names = Array.from({ length: 40 }, (_, at) => [signal('mining-pool', { name: `p${at}.example.com` })])
  const told = tellings([...names, [probing]])
  assert.equal(told.filter(Boolean).length, 9)
  assert.equal(told.at(-1), true)
})

test('a row of before kinds were kept is read, and what it hid is told once', () => {
  const before: Told = { decision: 'alert', peers: ['203.0.113.9 3333 6'], at: T, findings: 1 }
  const { told } = readPacked(rowValue(new Uint8Array(), before, []))
  assert.deepEqual(told, before)
  const both = [signal('mining-pool', pool), probing]
  assert.deepEqual(tellings([both, both], told), [true, false])
})
