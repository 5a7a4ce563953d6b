import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quarantinePreparer } from '../../functions/clouds/aws/quarantine.ts'
import { swapGroups } from '../../functions/clouds/aws/steps/swap-groups.ts'
import { transitSwap } from '../../functions/clouds/aws/steps/transit-swap.ts'
import { transitPermissions, transitPreparer } from '../../functions/clouds/aws/transit.ts'
import { TCP } from '../../functions/core/flow.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { createTracker } from '../../functions/sandbox/tracking.ts'
import type { Fate } from './aws-servers.ts'
import { afterStep, incidentOf, refuse, setStage, signal } from './ec2-stage.ts'

/** Inside the network, where no ACL stands between, or none may be changed. */
const PEER = '10.0.1.40'
const SETTINGS = { dropAssigned: false, stopWhenNeeded: false, transitSeconds: 0.01 }

const work = (incident: Incident, attempt = 1) => ({ incident, attempt, signal: signal() })
const groups = ({ interfaces }: Cloud) => [...interfaces.values()].map(({ id, groups: held }) => [id, held] as const)

/** An instance that was cut, with both groups prepared, and a conversation of its that is tracked. */
async function cut(settings: Partial<typeof SETTINGS> = {}, fate?: (operation: string, earlier: number) => Fate) {
  const stage = await setStage(fate, ({ interfaces }) => {
    const server = interfaces.get('eni-4') ?? assert.fail()
    Object.assign(server, { instance: 'i-2', address: PEER, groups: ['sg-a'] })
  })
  const { cloud, ec2 } = stage
  // Whoever is called lets SSH in from everywhere inside, and answers out: that is tracked.
  const quarantine = await quarantinePreparer(ec2)('vpc-1', undefined, signal())
  const transit = await transitPreparer(ec2)('vpc-1', undefined, signal())
  const tracker = createTracker(cloud, { clock: createClock(Date.UTC(2026, 10, 2)) })
  const from = { interface: 'eni-1', address: '10.0.1.11', port: 50_000 }
  const to = { address: PEER, port: 22 }
  const talk = (opening = false) => tracker.permits({ from, to, protocol: TCP, opening }).passes
  assert.ok(talk(true) && talk())
  const before = groups(cloud)
  let incident = incidentOf(await stage.described(), { quarantine, transit, denials: [refuse('acl-1', PEER)] })
  const swap = swapGroups(ec2)
  const step = transitSwap(ec2, { ...SETTINGS, ...settings })
  assert.equal(step.covers?.(incident), '', 'not before the cut')
  assert.deepEqual((await step.apply(work(incident))).done, [])
  incident = afterStep(incident, swap, await swap.apply(work(incident)))
  assert.ok(talk(), 'a plain swap leaves it alive')
  return { ...stage, quarantine, transit, step, swap, incident, before, talk, tracker }
}

/** Packets of the conversation go by whenever the groups of its interface change. */
function chatter({ cloud }: { cloud: Cloud }, talk: () => boolean): boolean[] {
  const passed: boolean[] = []
  cloud.changed.push(({ action }) => {
    if (action === 'ModifyNetworkInterfaceAttribute') passed.push(talk())
  })
  return passed
}

test('transit-swap ends a conversation that the plain swap left alive, and the release puts back byte for byte', async () => {
  await using stage = await cut()
  const { cloud, step, swap, incident, quarantine, transit, talk } = stage
  assert.notEqual(step.covers?.(incident), '')
  const passed = chatter(stage, talk)
  const seen = stage.road.seen.length
  const { done, unable } = await step.apply(work(incident))
  assert.deepEqual(
    [...new Set(stage.road.seen.slice(seen).map(({ operation }) => `ec2:${operation}`))].toSorted(),
    step.permissions.flatMap(({ actions }) => actions).toSorted(),
  )
  assert.deepEqual(unable, [])
  assert.deepEqual(done.toSorted(), [
    `Led eni-1 through ${transit} and back, open for 0.01 s`,
    `Led eni-2 through ${transit} and back, open for 0.01 s`,
  ])
  assert.ok(passed.includes(true), 'it stood open for a moment')
  assert.equal(talk(), false)
  assert.equal(talk(), false)
  const after = afterStep(incident, step, { done, unable, facts: { passed: [PEER] } })
  assert.deepEqual(await step.verify(work(after)), { holds: true, notes: [] })
  assert.deepEqual(await swap.verify(work(after)), { holds: true, notes: [] })
  assert.deepEqual(cloud.interfaces.get('eni-1')?.groups, [quarantine])
  await step.revert(work(after))
  await swap.revert(work(after))
  assert.deepEqual(groups(cloud), stage.before)
})

test('a conversation on which nothing passes meanwhile stays tracked', async () => {
  await using stage = await cut()
  await stage.step.apply(work(stage.incident))
  assert.equal(stage.talk(), true)
})

test('it opens nothing twice for the same peers, and again for a new one', async () => {
  await using stage = await cut()
  const { step, incident } = stage
  const after = afterStep(incident, step, await step.apply(work(incident)))
  assert.deepEqual((await step.apply(work(after, 2))).done, [])
  const more = { ...after, denials: [...after.denials, refuse('acl-1', '10.0.1.41')] }
  assert.notEqual(step.covers?.(more), step.covers?.(after))
  assert.equal((await step.apply(work(more, 2))).done.length, 2)
})

test('what an earlier try left open is closed first, and seen as ours before it is', async () => {
  await using stage = await cut()
  const { cloud, step, swap, incident, quarantine, transit } = stage
  Object.assign(cloud.interfaces.get('eni-1') ?? {}, { groups: [transit] })
  assert.deepEqual(await step.verify(work(incident)), { holds: false, notes: [`eni-1 stands open in ${transit}`] })
  assert.equal((await swap.verify(work(incident))).holds, false)
  assert.deepEqual(await swap.drifted?.(work(incident)), [])
  const opened: string[] = []
  cloud.changed.push(({ target }) => {
    const held = cloud.interfaces.get(target)
    if (held?.groups.includes(transit)) opened.push(target)
  })
  const { done } = await step.apply(work(incident, 2))
  assert.ok(done.includes('Closed eni-1, which an earlier try had left open'))
  assert.deepEqual(opened, ['eni-2'])
  assert.deepEqual(cloud.interfaces.get('eni-1')?.groups, [quarantine])
  await swap.revert(work(incident))
  assert.deepEqual(groups(cloud), stage.before)
})

test('it is closed where the answer to the opening gets lost, and where the function runs out of time', async () => {
  let lost = false
  await using stage = await cut({ transitSeconds: 20 }, operation =>
    lost && operation === 'ModifyNetworkInterfaceAttribute' ? 'lose-answer' : 'pass',
  )
  const { cloud, step, incident, quarantine } = stage
  const own = () => ['eni-1', 'eni-2'].map(id => cloud.interfaces.get(id)?.groups.join())
  const short = { incident, attempt: 1, signal: AbortSignal.timeout(1500) }
  const { done } = await step.apply(short)
  assert.equal(done.length, 2)
  assert.deepEqual(own(), [quarantine, quarantine])
  lost = true
  await assert.rejects(step.apply({ incident, attempt: 1, signal: signal() }), /lead through the transit group/)
  assert.deepEqual(own(), [quarantine, quarantine])
  lost = false
  const late = { incident, attempt: 2, signal: AbortSignal.abort() }
  await assert.rejects(step.apply(late))
  assert.deepEqual(own(), [quarantine, quarantine])
})

test('nothing is opened where the option is off, a stop is configured, no group is prepared or a NAT gateway leads out', async () => {
  const same = (incident: Incident) => incident
  const cases: readonly [Partial<typeof SETTINGS>, (incident: Incident) => Incident, string][] = [
    [{ transitSeconds: 0 }, same, ''],
    [{ stopWhenNeeded: true }, same, ''],
    [{}, ({ transit: _recorded, ...incident }) => incident, 'No transit group is recorded for vpc-1'],
    [{}, incident => ({ ...incident, transit: 'sg-gone' }), 'Transit group sg-gone is gone'],
    [
      {},
      incident => ({ ...incident, denials: [refuse('acl-1', '203.0.113.9')] }),
      '203.0.113.9 may be reached through a NAT gateway, where groups end no conversation',
    ],
  ]
  for (const [settings, edit, says] of cases) {
    await using stage = await cut(settings)
    const incident = edit(stage.incident)
    const { done, unable } = await stage.step.apply(work(incident))
    assert.deepEqual([done, unable.join()], [[], says])
    assert.deepEqual(stage.cloud.interfaces.get('eni-1')?.groups, [stage.quarantine])
    assert.equal(stage.talk(), true)
  }
})

test('the transit group is found by its recorded id, opened where a rule is missing, and needs no more than it declares', async () => {
  await using stage = await setStage()
  const prepare = transitPreparer(stage.ec2)
  const made = await prepare('vpc-1', undefined, signal())
  const group = stage.cloud.groups.get(made) ?? assert.fail()
  const all = (rules: typeof group.ingress) => rules.map(({ protocol, cidr }) => `${protocol} ${cidr}`).toSorted()
  assert.deepEqual(
    [all(group.ingress), all(group.egress)],
    [
      ['-1 0.0.0.0/0', '-1 ::/0'],
      ['-1 0.0.0.0/0', '-1 ::/0'],
    ],
  )
  const seen = stage.road.seen.length
  assert.equal(await prepare('vpc-1', made, signal()), made)
  assert.deepEqual(
    stage.road.seen.slice(seen).map(({ operation }) => operation),
    ['DescribeSecurityGroups'],
  )
  group.ingress = group.ingress.filter(({ cidr }) => cidr !== '::/0')
  assert.equal(await prepare('vpc-1', made, signal()), made)
  assert.equal(group.ingress.length, 2)
  assert.equal(await prepare('vpc-1', undefined, signal()), made, 'an earlier try died before it could record it')
  assert.notEqual(await prepare('vpc-2', made, signal()), made)
  const actions = new Set(transitPermissions.flatMap(permission => permission.actions))
  assert.deepEqual(
    stage.road.seen.filter(({ operation }) => !actions.has(`ec2:${operation}`)),
    [],
  )
})
