import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Description } from './description.ts'
import type { Finding } from './finding.ts'
import type { InstanceRow } from './inventory.ts'
import { judge, Policy, TAG_TRUST_MS } from './policy.ts'
import { matches } from './tag-selector.ts'

const now = 1_800_000_000_000
const policy = Policy.parse({ mode: 'enforce' })

function finding(over: Partial<Finding> = {}): Finding {
  const seen = { first: now / 1000 - 60, last: now / 1000 }
  return {
    id: 'f'.repeat(64),
    at: now,
    decision: 'isolate',
    score: 120,
    account: '111122223333',
    region: 'eu-west-1',
    instance: 'i-1',
    signals: [{ rule: 'mining-pool', family: 'identity', points: 100, detail: '', ...seen }],
    peers: [],
    exhibits: [],
    drill: false,
    ...over,
  }
}

function described(tags: Record<string, string>, over: Partial<Description> = {}): Description {
  return {
    instance: 'i-1',
    account: '111122223333',
    region: 'eu-west-1',
    vpc: 'vpc-1',
    state: 'running',
    launchedAt: now - 10 * TAG_TRUST_MS,
    spot: false,
    tags,
    interfaces: [],
    volumes: [],
    acls: [],
    protection: {},
    ...over,
  }
}

function known(over: Partial<InstanceRow> = {}): InstanceRow {
  return {
    instance: 'i-1',
    account: '111122223333',
    region: 'eu-west-1',
    vpc: 'vpc-1',
    launchedAt: 0,
    tags: {},
    interfaces: [],
    seenAt: now,
    ...over,
  }
}

const agent = { 'firebreak:scope': 'agent' }
const exempt = { ...agent, 'firebreak:exempt': 'true' }

test('judge() isolates an instance in scope', () => {
  assert.equal(judge(finding(), described(agent), undefined, policy, now).verdict, 'isolate')
})

test('judge() refuses an instance that never was in scope', () => {
  assert.equal(judge(finding(), described({}), known(), policy, now).verdict, 'refused')
})

test('judge() keeps an instance in scope for 24 hours after somebody took its tag away', () => {
  const lately = known({ scopedAt: now - TAG_TRUST_MS + 1 })
  const longAgo = known({ scopedAt: now - TAG_TRUST_MS })
  assert.equal(judge(finding(), described({}), lately, policy, now).verdict, 'isolate')
  assert.equal(judge(finding(), described({}), longAgo, policy, now).verdict, 'refused')
})

test('judge() honours an exemption tag only when it is older than 24 hours', () => {
  const fresh = known({ exemptSince: now - TAG_TRUST_MS + 1 })
  const old = known({ exemptSince: now - TAG_TRUST_MS })
  assert.equal(judge(finding(), described(exempt), fresh, policy, now).verdict, 'isolate')
  assert.equal(judge(finding(), described(exempt), old, policy, now).verdict, 'refused')
  assert.equal(judge(finding(), described(exempt), undefined, policy, now).verdict, 'isolate')
})

test('judge() honours an exemption in the configuration at once', () => {
  const configured = Policy.parse({ mode: 'enforce', exemptInstances: ['i-1'] })
  assert.equal(judge(finding(), described(agent), undefined, configured, now).verdict, 'refused')
})

test('judge() only reports in mode observe and waits in mode approve', () => {
  assert.equal(judge(finding(), described(agent), undefined, Policy.parse({}), now).verdict, 'observe')
  assert.equal(
    judge(finding(), described(agent), undefined, Policy.parse({ mode: 'approve' }), now).verdict,
    'approval',
  )
})

test('judge() refuses records that are older than the instance', () => {
  const young = described(agent, { launchedAt: now + 1000 })
  assert.match(judge(finding(), young, undefined, policy, now).reason, /older than the instance/)
})

test('judge() lets a drill cut only what carries the drill tag, whatever the mode', () => {
  const observing = Policy.parse({})
  const tagged = described({ 'firebreak:drill': 'true' })
  assert.equal(judge(finding({ drill: true }), tagged, undefined, observing, now).verdict, 'isolate')
  assert.equal(judge(finding({ drill: true }), described(agent), undefined, observing, now).verdict, 'refused')
})

test('judge() refuses what is not there', () => {
  assert.equal(judge(finding(), undefined, known(), policy, now).verdict, 'refused')
})

test('matches() reads own tags only', () => {
  assert.equal(matches({}, { key: 'constructor', value: undefined }), false)
})

test('judge() lets no drill cut what the configuration exempts', () => {
  const configured = Policy.parse({ exemptInstances: ['i-1'] })
  const tagged = described({ 'firebreak:drill': 'true' })
  assert.equal(judge(finding({ drill: true }), tagged, undefined, configured, now).verdict, 'refused')
})

test('judge() refuses a finding about an instance of another account', () => {
  const foreign = finding({ account: '444455556666' })
  assert.match(judge(foreign, described(agent), undefined, policy, now).reason, /another account/)
})

test('judge() lets a person decide about records that are old, that are yet to come, or that are not there', () => {
  const HOUR = 3600
  const [signal] = finding().signals
  assert.ok(signal)
  const resting = (...lasts: number[]) =>
    judge(
      finding({ signals: lasts.map(last => ({ ...signal, first: 0, last })) }),
      described(agent),
      undefined,
      policy,
      now,
    )
  const at = now / 1000
  for (const [lasts, verdict] of [
    [[at - 6 * HOUR], 'isolate'],
    [[at - 6 * HOUR - 1], 'approval'],
    [[at - 9 * HOUR, at - 5 * HOUR], 'isolate'],
    [[at + HOUR], 'isolate'],
    [[at + HOUR + 1], 'approval'],
    [[Number.MAX_SAFE_INTEGER], 'approval'],
    [[], 'approval'],
  ] as const)
    assert.equal(resting(...lasts).verdict, verdict, String(lasts))
  assert.equal(
    resting(at - 7 * HOUR).reason,
    'The newest record is from 2027-01-15T01:00:00.000Z, more than 6 hours ago: a person decides',
  )
})
