import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quarantinePreparer } from '../../functions/clouds/aws/quarantine.ts'
import { swapGroups } from '../../functions/clouds/aws/steps/swap-groups.ts'
import { PartialFailure } from '../../functions/core/errors.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { afterStep, incidentOf, setStage, signal } from './ec2-stage.ts'

const MODIFY = 'ModifyNetworkInterfaceAttribute'

async function prepared(...parameters: Parameters<typeof setStage>) {
  const stage = await setStage(...parameters)
  const quarantine = await quarantinePreparer(stage.ec2)('vpc-1', undefined, signal())
  const incident = incidentOf(await stage.described(), { quarantine })
  return Object.assign(stage, { quarantine, incident, step: swapGroups(stage.ec2) })
}

const groups = (cloud: Cloud, id: string) => cloud.interfaces.get(id)?.groups

test('apply() moves every interface into the quarantine group at once', async () => {
  await using stage = await prepared(undefined, undefined, { inRounds: true })
  const before = stage.road.rounds
  const { done } = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.equal(stage.road.rounds, before + 1)
  assert.deepEqual(groups(stage.cloud, 'eni-1'), [stage.quarantine])
  assert.deepEqual(groups(stage.cloud, 'eni-2'), [stage.quarantine])
  assert.deepEqual(groups(stage.cloud, 'eni-3'), ['sg-c'], 'a neighbour keeps its groups')
  assert.deepEqual(done.toSorted(), [
    `Moved eni-1 from sg-b, sg-a to ${stage.quarantine}`,
    `Moved eni-2 from sg-c to ${stage.quarantine}`,
  ])
})

test('apply() writes down where an interface stood that was attached after the restore point before another pass moves it, and revert() puts it back', async () => {
  await using stage = await prepared()
  const third = structuredClone(stage.cloud.interfaces.get('eni-2'))
  assert.ok(third)
  stage.cloud.interfaces.set('eni-9', {
    ...third,
    id: 'eni-9',
    deviceIndex: 2,
    address: '10.0.2.99',
    groups: ['sg-a', 'sg-b'],
  })
  const { step, quarantine } = stage
  const outcome = await step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.deepEqual(groups(stage.cloud, 'eni-9'), ['sg-a', 'sg-b'])
  assert.deepEqual(outcome.facts, { attached: ['eni-9=sg-a,sg-b'] })
  const incident = afterStep(stage.incident, step, outcome)
  assert.notEqual(step.covers?.(incident), step.covers?.(stage.incident), 'another pass is due')
  const again = afterStep(incident, step, await step.apply({ incident, attempt: 2, signal: signal() }))
  assert.deepEqual(groups(stage.cloud, 'eni-9'), [quarantine])
  assert.equal(step.covers?.(again), step.covers?.(incident), 'no third one is')
  await step.revert({ incident: again, attempt: 1, signal: signal() })
  assert.deepEqual(groups(stage.cloud, 'eni-9'), ['sg-a', 'sg-b'])
})

test('apply() leaves an interface alone that belongs to another instance by the second try', async () => {
  await using stage = await prepared()
  const moved = stage.cloud.interfaces.get('eni-2')
  assert.ok(moved)
  moved.instance = 'i-2'
  await stage.step.apply({ incident: stage.incident, attempt: 2, signal: signal() })
  assert.deepEqual(groups(stage.cloud, 'eni-1'), [stage.quarantine])
  assert.deepEqual(groups(stage.cloud, 'eni-2'), ['sg-c'])
})

test('apply() moves the others when one interface fails, and names the one', async () => {
  await using stage = await prepared()
  stage.cloud.interfaces.delete('eni-2')
  await assert.rejects(
    stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() }),
    /^PartialFailure: Cannot swap the groups of eni-2: InvalidNetworkInterfaceID\.NotFound: /,
  )
  assert.deepEqual(groups(stage.cloud, 'eni-1'), [stage.quarantine])
})

test('apply() moves the known interfaces even when the live ones cannot be listed', async () => {
  let blind = false
  await using stage = await prepared(operation =>
    blind && operation === 'DescribeNetworkInterfaces' ? 'refuse' : 'pass',
  )
  blind = true
  const { unable } = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.deepEqual(groups(stage.cloud, 'eni-2'), [stage.quarantine])
  assert.match(unable.join(), /Cannot list the interfaces: /)
})

test('apply() a second time changes nothing', async () => {
  await using stage = await prepared()
  await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  const before = stage.road.count(MODIFY)
  const { done } = await stage.step.apply({ incident: stage.incident, attempt: 2, signal: signal() })
  assert.deepEqual(done, [])
  assert.equal(stage.road.count(MODIFY), before)
})

test('apply() says so when no quarantine group is recorded', async () => {
  await using stage = await setStage()
  const incident = incidentOf(await stage.described())
  await assert.rejects(
    swapGroups(stage.ec2).apply({ incident, attempt: 1, signal: signal() }),
    /no quarantine group is recorded for vpc-1/,
  )
})

test('apply() gets through throttling', async () => {
  await using stage = await prepared()
  stage.server.throttle(MODIFY, 4)
  await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.deepEqual(groups(stage.cloud, 'eni-1'), [stage.quarantine])
  assert.deepEqual(groups(stage.cloud, 'eni-2'), [stage.quarantine])
})

test('apply() tells what it moved when a later part fails, so that a release knows it', async () => {
  await using stage = await prepared()
  const third = structuredClone(stage.cloud.interfaces.get('eni-2'))
  assert.ok(third)
  stage.cloud.interfaces.set('eni-9', { ...third, id: 'eni-9', deviceIndex: 2, address: '10.0.2.99', groups: ['sg-a'] })
  stage.cloud.interfaces.delete('eni-2')
  await assert.rejects(
    stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() }),
    (thrown: unknown) => {
      assert.ok(thrown instanceof PartialFailure)
      assert.deepEqual(thrown.outcome.facts, { attached: ['eni-9=sg-a'] })
      assert.equal(thrown.outcome.done.length, 2)
      return true
    },
  )
})

test('verify() sees an interface that was swapped back and a rule that was added to the quarantine group', async () => {
  await using stage = await prepared()
  await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  const work = { incident: stage.incident, attempt: 1, signal: signal() }
  assert.deepEqual(await stage.step.verify(work), { holds: true, notes: [] })
  const swapped = stage.cloud.interfaces.get('eni-2')
  assert.ok(swapped)
  swapped.groups = ['sg-c']
  stage.cloud.groups.get(stage.quarantine)?.egress.push({ protocol: '-1', from: -1, to: -1, cidr: '0.0.0.0/0' })
  assert.deepEqual(await stage.step.verify(work), {
    holds: false,
    notes: [`eni-2 is in sg-c, not in ${stage.quarantine}`, `Quarantine group ${stage.quarantine} has 1 rules`],
  })
})

test('revert() puts back exactly the groups of each interface, in their order', async () => {
  await using stage = await prepared()
  const incident = afterStep(
    stage.incident,
    stage.step,
    await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() }),
  )
  await stage.step.revert({ incident, attempt: 1, signal: signal() })
  assert.deepEqual(groups(stage.cloud, 'eni-1'), ['sg-b', 'sg-a'])
  assert.deepEqual(groups(stage.cloud, 'eni-2'), ['sg-c'])
})

test('drifted() names the interface that somebody moved and the one that is gone, not what is put back already', async () => {
  await using stage = await prepared()
  const { step, cloud, quarantine } = stage
  const outcome = await step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  const work = { incident: afterStep(stage.incident, step, outcome), attempt: 1, signal: signal() }
  assert.deepEqual(await step.drifted?.(work), [])
  Object.assign(cloud.interfaces.get('eni-1') ?? {}, { groups: ['sg-a', 'sg-b'] })
  assert.deepEqual(await step.drifted?.(work), [], 'the original groups, in whatever order')
  Object.assign(cloud.interfaces.get('eni-1') ?? {}, { groups: ['sg-c', quarantine] })
  cloud.interfaces.delete('eni-2')
  assert.deepEqual(await step.drifted?.(work), [
    { resource: 'eni-1', left: `in ${quarantine}`, found: `in sg-c, ${quarantine}` },
    { resource: 'eni-2', left: `in ${quarantine}`, found: 'not attached to the instance any more' },
  ])
})
