import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dnsFirewall, dnsFirewallPermissions } from '../../functions/clouds/aws/dns-firewall.ts'
import { denyNames } from '../../functions/clouds/aws/steps/deny-names.ts'
import type { NeighbourUse } from '../../functions/core/denial.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { memoryLedger } from '../../functions/core/memory-ledger.ts'
import { nameLeases } from '../../functions/core/name-leases.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import { emptyCloud } from '../../functions/sandbox/fixture.ts'
import { startSandbox } from '../../functions/sandbox/front.ts'
import { firewallOf, resolves } from '../../functions/sandbox/resolver/state.ts'
import { afterStep, incidentOf, signal } from './ec2-stage.ts'

async function setStage(uses: Readonly<Record<string, NeighbourUse>> = {}, dnsCovered = true) {
  const cloud = emptyCloud()
  const sandbox = await startSandbox({ clock: createClock(0), cloud, latencies: { route53resolver: 0 } })
  const names = {
    firewall: dnsFirewall(sandbox.environment),
    leases: nameLeases(memoryLedger(Date)),
    nameUse: async (_vpc: string, name: string) => uses[name] ?? 'unused',
  }
  return {
    cloud,
    sandbox,
    step: denyNames(names, { dnsCovered }),
    firewall: () => firewallOf(cloud),
    actions: () => sandbox.calls.map(({ action }) => action),
    [Symbol.asyncDispose]: () => sandbox.close(),
  }
}
type Stage = Awaited<ReturnType<typeof setStage>>

function incidentWith({ cloud }: Stage, names: readonly string[], id = 'fb-1'): Incident {
  const { account, region } = cloud
  const restorePoint = {
    ...{ instance: 'i-agent', account, region, vpc: 'vpc-1', state: 'running', launchedAt: 0, spot: false, tags: {} },
    ...{ interfaces: [], volumes: [], acls: [], protection: {} },
  }
  const signals = names.map(name => ({
    ...{ rule: 'dns-tunnel', family: 'shape' as const, points: 80, first: 1, last: 2, own: true, detail: '' },
    name,
  }))
  const finding = {
    ...{ id: 'f'.repeat(64), at: 0, decision: 'isolate' as const, score: 120, account, region, instance: 'i-agent' },
    ...{ signals, peers: [], exhibits: [], drill: false },
  }
  return incidentOf(restorePoint, { id, findings: [finding] })
}

const work = (incident: Incident, attempt = 1) => ({ incident, attempt, signal: signal() })

async function applied(stage: Stage, incident: Incident, attempt = 1) {
  const outcome = await stage.step.apply(work(incident, attempt))
  return { outcome, after: afterStep(incident, stage.step, outcome) }
}

const EMPTY = { groups: 0, lists: 0, associations: 0 }
const sizes = ({ firewall }: Stage) => {
  const { groups, lists, associations } = firewall()
  return { groups: groups.size, lists: lists.size, associations: associations.size }
}

test('a name resolves until it is denied, with all below it and nothing beside it', async () => {
  await using stage = await setStage()
  const asked = ['t.example.com', 'a.b.t.example.com', 'example.com', 'nott.example.com']
  const answers = () => asked.map(name => resolves(stage.cloud, 'vpc-1', name))
  assert.deepEqual(answers(), [true, true, true, true])
  const { outcome, after } = await applied(stage, incidentWith(stage, ['t.example.com']))
  assert.deepEqual(answers(), [false, false, true, true])
  assert.match(outcome.done.join(), /Denied t\.example\.com and all names below it in the resolver of vpc-1/)
  assert.deepEqual(outcome.unable, [])
  assert.deepEqual(await stage.step.verify(work(after)), { holds: true, notes: [] })
  await stage.step.revert(work(after))
  assert.deepEqual(answers(), [true, true, true, true])
  assert.deepEqual(sizes(stage), EMPTY)
})

test('a name that a neighbour uses, or may use, is not denied, and the ticket says why', async () => {
  await using stage = await setStage({ 'used.example.com': 'used', 'dark.example.net': 'unknown' })
  const { outcome, after } = await applied(
    stage,
    incidentWith(stage, ['used.example.com', 'dark.example.net', 't.example.org']),
  )
  assert.deepEqual(after.steps['deny-names']?.facts['denied'], ['t.example.org'])
  assert.deepEqual(outcome.unable, [
    'dark.example.net is not denied: No query logs cover the network for 24 hours without a gap (dnsCovered), so a neighbour may need the name',
    'used.example.com is not denied: Another instance of the network used the name or one beside it within 24 hours',
  ])
  assert.ok(resolves(stage.cloud, 'vpc-1', 'used.example.com'))
})

test('without query logs nothing is asked, denied or allowed by a role', async () => {
  await using stage = await setStage({}, false)
  const { after } = await applied(stage, incidentWith(stage, ['t.example.com']))
  await stage.step.verify(work(after))
  await stage.step.revert(work(after))
  assert.deepEqual(stage.actions(), [])
  assert.deepEqual(stage.step.permissions, [])
})

test('applying again makes nothing twice, and a later name joins the same list', async () => {
  await using stage = await setStage()
  const { after } = await applied(stage, incidentWith(stage, ['t.example.com']))
  await applied(stage, after, 2)
  assert.deepEqual(sizes(stage), { groups: 1, lists: 1, associations: 1 })
  const more = { ...after, findings: incidentWith(stage, ['t.example.com', 'u.example.net']).findings }
  assert.notEqual(stage.step.covers?.(more), stage.step.covers?.(after))
  await applied(stage, more, 2)
  assert.deepEqual(sizes(stage), { groups: 1, lists: 1, associations: 1 })
  assert.ok(!resolves(stage.cloud, 'vpc-1', 'u.example.net') && !resolves(stage.cloud, 'vpc-1', 't.example.com'))
})

test('two incidents of a network share the rule group, and the last one takes it away, in either order', async () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ] as const) {
    await using stage = await setStage()
    const both = [
      (await applied(stage, incidentWith(stage, ['t.example.com'], 'fb-1'))).after,
      (await applied(stage, incidentWith(stage, ['t.example.com'], 'fb-2'))).after,
    ] as const
    assert.deepEqual(sizes(stage), { groups: 1, lists: 2, associations: 1 })
    await stage.step.revert(work(both[order[0]]))
    assert.ok(!resolves(stage.cloud, 'vpc-1', 't.example.com'))
    await stage.step.revert(work(both[order[1]]))
    assert.ok(resolves(stage.cloud, 'vpc-1', 't.example.com'))
    assert.deepEqual(sizes(stage), EMPTY)
  }
})

test('verify() sees each part that somebody took away, and it is put back', async () => {
  await using stage = await setStage()
  const { after } = await applied(stage, incidentWith(stage, ['t.example.com']))
  const [group] = stage.firewall().groups.values()
  const [list] = stage.firewall().lists.values()
  assert.ok(group && list)
  for (const [spoil, note] of [
    [() => stage.firewall().associations.clear(), /stands no more before vpc-1/],
    [() => group.rules.splice(0), /does not block the domain list/],
    [() => list.domains.splice(0), /t\.example\.com is not on the domain list/],
  ] as const) {
    spoil()
    const { holds, notes } = await stage.step.verify(work(after))
    assert.equal(holds, false)
    assert.match(notes.join(), note)
    await applied(stage, after, 2)
    assert.equal((await stage.step.verify(work(after))).holds, true)
  }
})

for (const [action, kind] of [
  ['CreateFirewallDomainList', 'drop-after-effect'],
  ['CreateFirewallRuleGroup', 'drop-after-effect'],
  ['CreateFirewallRule', 'drop-after-effect'],
  ['AssociateFirewallRuleGroup', 'drop-after-effect'],
  ['UpdateFirewallDomains', 'throttle'],
] as const)
  test(`an answer to ${action} that gets lost (${kind}) leaves one of each, and a release takes all of it`, async () => {
    await using stage = await setStage()
    stage.sandbox.fault('route53resolver', action, 1, kind)
    const incident = incidentWith(stage, ['t.example.com'])
    let after = afterStep(incident, stage.step, { done: [], unable: [], facts: {} })
    const record = after.steps['deny-names']
    assert.ok(record)
    // Killed at the first try: nobody wrote down what was made.
    await stage.step.apply(work(incident)).catch(() => undefined)
    const killed = { ...after, steps: { 'deny-names': { ...record, status: 'intended' as const } } }
    after = (await applied(stage, killed, 2)).after
    assert.deepEqual(sizes(stage), { groups: 1, lists: 1, associations: 1 })
    await stage.step.revert(work({ ...after, steps: killed.steps }))
    assert.deepEqual(sizes(stage), EMPTY)
  })

test('a network that has no room for a rule group is said so, and what was made is taken back', async () => {
  await using stage = await setStage()
  for (let taken = 0; taken < 5; taken++) {
    const other = {
      id: `a-${taken}`,
      name: 'x',
      request: 'x',
      group: `g-${taken}`,
      vpc: 'vpc-1',
      priority: 101 + taken,
    }
    stage.firewall().associations.set(other.id, other)
  }
  const { outcome, after } = await applied(stage, incidentWith(stage, ['t.example.com']))
  assert.match(outcome.unable.join(), /t\.example\.com is not denied: .*LimitExceededException/)
  await stage.step.revert(work(after))
  assert.deepEqual(sizes(stage), { ...EMPTY, associations: 5 })
})

test('the step asks for what it declares, no more and no less', async () => {
  await using stage = await setStage()
  const incident = incidentWith(stage, ['t.example.com'])
  const { after } = await applied(stage, incident)
  await applied(stage, incident, 2)
  await stage.step.verify(work(after))
  await stage.step.revert(work(after))
  const declared = dnsFirewallPermissions.flatMap(({ actions }) => actions)
  const asked = new Set(stage.actions().map(action => `route53resolver:${action}`))
  assert.deepEqual([...asked].toSorted(), declared.toSorted())
})

test('names, rules and networks that somebody else changed have drifted, and force leaves what is his', async () => {
  await using stage = await setStage()
  stage.cloud.vpcs.set('vpc-2', { id: 'vpc-2', cidr: '10.9.0.0/16', tags: {} })
  const { after } = await applied(stage, incidentWith(stage, ['t.example.com']))
  const drifted = async () => (await stage.step.drifted?.(work(after))) ?? assert.fail()
  assert.deepEqual(await drifted(), [])
  const { groups, lists, associations } = stage.firewall()
  const [[group = '', held], [list = '', named]] = [[...groups][0] ?? [], [...lists][0] ?? []]
  assert.ok(held && named)
  named.domains.push('www.example.org.')
  Object.assign(held.rules[0] ?? {}, { action: 'ALLOW' })
  held.rules.push({ list: 'rslvr-fdl-his', priority: 7, action: 'BLOCK', request: 'his' })
  associations.set('rslvr-frgassoc-his', {
    ...{ id: 'rslvr-frgassoc-his', name: 'his', request: 'his', group, vpc: 'vpc-2', priority: 300 },
  })
  assert.deepEqual(
    (await drifted()).map(({ resource, found }) => [resource, found]),
    [
      [`domain list ${list}`, 'naming *.t.example.com, t.example.com, www.example.org'],
      [`the rule of ${group} for ${list}`, 'an ALLOW'],
      [`rule group ${group}`, 'with a rule for rslvr-fdl-his'],
      [`rule group ${group}`, 'before vpc-2, too'],
    ],
  )
  const { unable } = await stage.step.revert(work(after))
  assert.match(unable.join(), /stays before vpc-1: somebody else has a rule in it for rslvr-fdl-his/)
  assert.deepEqual(held.rules, [{ list: 'rslvr-fdl-his', priority: 7, action: 'BLOCK', request: 'his' }])
  assert.equal(lists.size, 0)
})

test('a rule group that somebody put before another network is kept for it', async () => {
  await using stage = await setStage()
  stage.cloud.vpcs.set('vpc-2', { id: 'vpc-2', cidr: '10.9.0.0/16', tags: {} })
  const { after } = await applied(stage, incidentWith(stage, ['t.example.com']))
  const [group = ''] = stage.firewall().groups.keys()
  const his = { id: 'rslvr-frgassoc-his', name: 'his', request: 'his', group, vpc: 'vpc-2', priority: 300 }
  stage.firewall().associations.set(his.id, his)
  const { unable } = await stage.step.revert(work(after))
  assert.match(unable.join(), /is kept: somebody else put it before vpc-2/)
  assert.deepEqual([...stage.firewall().associations.values()], [his])
})

test('what was taken from the resolver by hand is no drift', async () => {
  await using stage = await setStage()
  const { after } = await applied(stage, incidentWith(stage, ['t.example.com']))
  const { groups, lists, associations } = stage.firewall()
  for (const things of [groups, lists, associations]) things.clear()
  assert.deepEqual(await stage.step.drifted?.(work(after)), [])
  assert.deepEqual((await stage.step.revert(work(after))).done, [])
})
