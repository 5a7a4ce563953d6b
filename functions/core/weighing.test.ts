import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Description } from './description.ts'
import { findingOf, INSTANCE, NOW, peer } from './engine-fixture.ts'
import type { Finding } from './finding.ts'
import type { InstanceRow } from './inventory.ts'
import { Policy, TAG_TRUST_MS } from './policy.ts'
import { RuleSettings } from './rule-settings.ts'
import type { Signal } from './signal.ts'
import { type Weighed, weigh } from './weighing.ts'

const second = NOW / 1000

function signal(rule: string, points: number, over: Partial<Signal> = {}): Signal {
  const seen = { first: second - 60, last: second, own: true, detail: '' }
  return { rule, family: 'identity', points, ...seen, peer: '203.0.113.9', port: 22, protocol: 6, ...over }
}

const tunnel = signal('reverse-tunnel', 100)
const mining = signal('mining-pool', 100, { peer: '198.51.100.7' })
const both = findingOf({ signals: [tunnel, mining], peers: [peer('203.0.113.9'), peer('198.51.100.7')] })

type Selected = NonNullable<InstanceRow['selected']>

function weighed(
  finding: Finding,
  policy: Record<string, unknown>,
  { tags = {}, selected }: { tags?: Record<string, string>; selected?: Selected } = {},
): Weighed {
  const at = { instance: INSTANCE, account: '111122223333', region: 'eu-west-1', vpc: 'vpc-1', launchedAt: 0, tags }
  const description: Description = {
    ...at,
    state: 'running',
    spot: false,
    interfaces: [],
    volumes: [],
    acls: [],
    protection: {},
  }
  const row: InstanceRow = { ...at, interfaces: [], seenAt: NOW, ...(selected ? { selected } : {}) }
  return weigh(finding, { description, row, now: NOW }, Policy.parse(policy), RuleSettings.parse({}))
}

test('weigh() enforces what the enforced rules reach alone, and only observes what they do not', () => {
  const policy = { mode: 'enforce', modes: [{ rule: 'mining-pool', mode: 'observe' }] }
  assert.equal(weighed(both, policy).mode, 'enforce')
  assert.equal(weighed(findingOf({ signals: [mining] }), policy).mode, 'observe')
  const weak = signal('reverse-tunnel', 60)
  assert.equal(weighed(findingOf({ signals: [weak, mining] }), policy).mode, 'observe')
  const waiting = { mode: 'enforce', modes: [{ rule: 'mining-pool', mode: 'approve' }] }
  assert.equal(weighed(findingOf({ signals: [weak, mining] }), waiting).mode, 'approve')
})

test('weigh() takes the first exception that applies, of the rule and the VPC together', () => {
  const modes = [
    { rule: 'reverse-tunnel', vpc: 'vpc-2', mode: 'observe' },
    { rule: 'reverse-tunnel', vpc: 'vpc-1', mode: 'approve' },
    { rule: 'reverse-tunnel', mode: 'enforce' },
  ]
  assert.equal(weighed(findingOf({ signals: [tunnel] }), { modes }).mode, 'approve')
})

test('weigh() lets a tag make the mode milder only after 24 hours, and stricter for as long', () => {
  const long = { 'env=test': { since: NOW - TAG_TRUST_MS } }
  const fresh = { 'env=test': { since: NOW - TAG_TRUST_MS + 1 } }
  const ended = (until: number) => ({ 'env=test': { since: 0, until } })
  const tags = { env: 'test' }
  const milder = { mode: 'enforce', modes: [{ scope: 'env=test', mode: 'observe' }] }
  const stricter = { mode: 'observe', modes: [{ scope: 'env=test', mode: 'enforce' }] }
  const finding = findingOf({ signals: [tunnel] })
  assert.equal(weighed(finding, milder, { tags, selected: long }).mode, 'observe')
  assert.equal(weighed(finding, milder, { tags, selected: fresh }).mode, 'enforce')
  assert.equal(weighed(finding, milder, { tags }).mode, 'enforce')
  assert.equal(weighed(finding, milder, { selected: ended(NOW) }).mode, 'enforce')
  assert.equal(weighed(finding, stricter, { tags }).mode, 'enforce')
  assert.equal(weighed(finding, stricter, { selected: ended(NOW - TAG_TRUST_MS + 1) }).mode, 'enforce')
  assert.equal(weighed(finding, stricter, { selected: ended(NOW - TAG_TRUST_MS) }).mode, 'observe')
})

const signed = { owner: 'ada', reason: 'Ours', expires: '2027-01-15' }

test('weigh() judges a finding by what is not suppressed, and names no peer of what is', () => {
  const { finding, suppressions } = weighed(both, { suppressions: [{ ...signed, rule: 'mining-pool' }] })
  assert.deepEqual(finding?.signals, [tunnel])
  assert.deepEqual(finding?.peers, [peer('203.0.113.9')])
  assert.equal(suppressions.length, 1)
  assert.equal(
    weighed(findingOf({ signals: [mining] }), { suppressions: [{ ...signed, rule: 'mining-pool' }] }).finding,
    undefined,
  )
})

test('weigh() suppresses only where all that a suppression gives applies', () => {
  const finding = findingOf({ signals: [signal('dns-tunnel', 100, { name: 'A.pool.example.com' })] })
  const silent = (suppression: object) =>
    weighed(finding, { suppressions: [{ ...signed, ...suppression }] }).finding === undefined
  assert.ok(
    silent({ name: 'example.com', peer: '203.0.113.0/24', instance: INSTANCE, vpc: 'vpc-1', rule: 'dns-tunnel' }),
  )
  for (const other of [
    { name: 'ample.com' },
    { peer: '198.51.100.0/24' },
    { instance: 'i-other' },
    { vpc: 'vpc-2' },
    { rule: 'mining-pool' },
    { scope: 'env=test' },
  ])
    assert.equal(silent({ name: 'example.com', ...other }), false, JSON.stringify(other))
})

test('weigh() ignores a suppression from the day after it expires and names it', () => {
  const late = { ...signed, rule: 'mining-pool', expires: '2027-01-14' }
  const { finding, suppressions, expired } = weighed(both, { suppressions: [late] })
  assert.equal(finding, both)
  assert.deepEqual([suppressions.length, expired.map(({ expires }) => expires)], [0, ['2027-01-14']])
})

test('weigh() silences and holds back no drill', () => {
  const policy = {
    mode: 'enforce',
    modes: [{ vpc: 'vpc-1', mode: 'observe' }],
    suppressions: [{ ...signed, vpc: 'vpc-1' }],
  }
  const drill = findingOf({ drill: true })
  assert.equal(weighed(drill, policy).finding, drill)
})

test('a suppression needs an owner, a reason, a day on which it ends, and something that it is about', () => {
  const { owner, reason, expires } = signed
  const rule = 'mining-pool'
  assert.ok(Policy.safeParse({ suppressions: [{ owner, reason, expires, rule }] }).success)
  for (const bad of [
    { reason, expires, rule },
    { owner, expires, rule },
    { owner, reason, rule },
    { owner, reason, expires },
    { owner, reason, expires: '2027-02-30', rule },
    { owner, reason, expires, rule, paths: [] },
  ])
    assert.equal(Policy.safeParse({ suppressions: [bad] }).success, false, JSON.stringify(bad))
})
