import assert from 'node:assert/strict'
import { test } from 'node:test'
import { autoscaler } from '../../functions/clouds/aws/steps/autoscaler.ts'
import { loadBalancers } from '../../functions/clouds/aws/steps/load-balancers.ts'
import { protect } from '../../functions/clouds/aws/steps/protect.ts'
import { publicAddresses } from '../../functions/clouds/aws/steps/public-addresses.ts'
import { stop } from '../../functions/clouds/aws/steps/stop.ts'
import type { Incident } from '../../functions/core/incident.ts'
import type { Step } from '../../functions/core/ports.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { addAutoScalingGroup } from '../../functions/sandbox/fixture.ts'
import { afterStep, incidentOf, refuse, setStage, signal } from './ec2-stage.ts'

type Stage = Awaited<ReturnType<typeof setStage>>

const SETTINGS = { dropAssigned: false, stopWhenNeeded: true }
const WEB = 'arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/73e2d6bc24d8a067'

const work = (incident: Incident) => ({ incident, attempt: 1, signal: signal() })

/** A step that was applied, and what it says of drift and of its release as the cloud stands then. */
async function applied(
  stage: Stage,
  step: Step,
  { passes = 1, more = {} }: { passes?: number; more?: Partial<Incident> } = {},
) {
  let incident = incidentOf(await stage.described(), more)
  for (let pass = 0; pass < passes; pass++) incident = afterStep(incident, step, await step.apply(work(incident)))
  return {
    drifted: async () => (await step.drifted?.(work(incident))) ?? assert.fail(`${step.id} looks at nothing`),
    revert: () => step.revert(work(incident)),
  }
}

const lost = (cloud: Cloud) => cloud.addresses.get('eipalloc-1') ?? assert.fail()
const undenied = { more: { denials: [refuse('acl-1', '203.0.113.9')] } }

test('an elastic address that somebody gave back by hand is no drift, and its release changes nothing', async () => {
  await using stage = await setStage()
  const { drifted, revert } = await applied(stage, publicAddresses(stage.ec2, SETTINGS), undenied)
  assert.deepEqual(await drifted(), [])
  Object.assign(lost(stage.cloud), { interface: 'eni-1', association: 'eipassoc-9' })
  assert.deepEqual(await drifted(), [])
  assert.deepEqual(await revert(), { done: [], unable: [], facts: {} })
  assert.equal(lost(stage.cloud).association, 'eipassoc-9')
})

test('an elastic address that somebody uses elsewhere has drifted, and force leaves it there', async () => {
  await using stage = await setStage()
  const { drifted, revert } = await applied(stage, publicAddresses(stage.ec2, SETTINGS), undenied)
  Object.assign(lost(stage.cloud), { interface: 'eni-3', association: 'eipassoc-9' })
  assert.deepEqual(await drifted(), [
    { resource: 'elastic address 198.51.100.7', left: 'associated with nothing', found: 'associated with eni-3' },
  ])
  assert.match((await revert()).unable.join(), /198\.51\.100\.7 cannot be given back to eni-1/)
  assert.equal(lost(stage.cloud).interface, 'eni-3')
})

test('an elastic address that was released has drifted, and force goes on without it', async () => {
  await using stage = await setStage()
  const { drifted, revert } = await applied(stage, publicAddresses(stage.ec2, SETTINGS), undenied)
  stage.cloud.addresses.delete('eipalloc-1')
  assert.deepEqual(await drifted(), [
    { resource: 'elastic address 198.51.100.7', left: 'associated with nothing', found: 'released' },
  ])
  assert.match((await revert()).unable.join(), /198\.51\.100\.7 cannot be given back .*InvalidAllocationID/)
})

test('an elastic address that somebody put in the place of the dropped one stays, by force too', async () => {
  await using stage = await setStage()
  const { drifted, revert } = await applied(stage, publicAddresses(stage.ec2, SETTINGS), undenied)
  const other = { allocation: 'eipalloc-2', address: '198.51.100.99', association: 'eipassoc-2', interface: 'eni-1' }
  stage.cloud.addresses.set('eipalloc-2', other)
  assert.deepEqual(await drifted(), [
    { resource: 'eni-1', left: 'without a public address', found: 'with 198.51.100.99' },
  ])
  const { done, unable } = await revert()
  assert.deepEqual(
    [done, unable],
    [[], ['eni-1 has 198.51.100.99 by now, so it keeps it and gets no other address back']],
  )
  assert.equal(other.interface, 'eni-1')
  assert.equal(lost(stage.cloud).interface, undefined)
})

test('an instance in standby has drifted once its group is gone, another has it or nobody, not once it serves again', async () => {
  await using stage = await setStage(undefined, cloud => addAutoScalingGroup(cloud, 'agents', ['i-1']))
  const { drifted, revert } = await applied(stage, autoscaler(stage.scaling))
  const groups = stage.cloud.autoscaling ?? assert.fail()
  const agents = groups.get('agents') ?? assert.fail()
  assert.deepEqual(await drifted(), [])
  const left = 'in standby in autoscaling group agents'

  // Else the group, which has replaced it, makes itself smaller.
  Object.assign(agents, { desired: 2 })
  agents.members.set('i-1', { lifecycle: 'InService', protectedFromScaleIn: false })
  assert.deepEqual(await drifted(), [], 'taken out of standby by hand')
  assert.deepEqual((await revert()).done, [])

  agents.members.delete('i-1')
  assert.deepEqual(await drifted(), [{ resource: 'i-1', left, found: 'in no autoscaling group' }])
  assert.deepEqual((await revert()).unable, ['The instance is not in autoscaling group agents any more'])

  addAutoScalingGroup(stage.cloud, 'others', ['i-1'])
  assert.deepEqual(await drifted(), [{ resource: 'i-1', left, found: 'InService in autoscaling group others' }])
  assert.match((await revert()).unable.join(), /in autoscaling group others by now, so it is left there/)

  groups.clear()
  assert.deepEqual(await drifted(), [{ resource: 'i-1', left, found: 'there no more: the group was deleted' }])
  assert.match((await revert()).unable.join(), /not in autoscaling group agents any more/)
})

test('a detached instance has drifted once another group took it or its own is gone, not once it was attached again', async () => {
  await using stage = await setStage(undefined, cloud =>
    addAutoScalingGroup(cloud, 'agents', ['i-1'], { refresh: { id: 'refresh-1', standby: 'Terminate' } }),
  )
  const { drifted, revert } = await applied(stage, autoscaler(stage.scaling))
  const groups = stage.cloud.autoscaling ?? assert.fail()
  const agents = groups.get('agents') ?? assert.fail()
  const left = 'outside autoscaling group agents'
  assert.deepEqual(await drifted(), [], 'still detaching')
  agents.members.delete('i-1')
  assert.deepEqual(await drifted(), [])
  // Else the group, which has replaced it, makes itself smaller.
  Object.assign(agents, { desired: 2 })
  agents.members.set('i-1', { lifecycle: 'InService', protectedFromScaleIn: false })
  assert.deepEqual(await drifted(), [])
  agents.members.delete('i-1')
  addAutoScalingGroup(stage.cloud, 'others', ['i-1'])
  assert.deepEqual(await drifted(), [{ resource: 'i-1', left, found: 'InService in autoscaling group others' }])
  groups.clear()
  assert.deepEqual(await drifted(), [{ resource: 'i-1', left, found: 'there no more: the group was deleted' }])
  assert.match((await revert()).unable.join(), /stays out of service in agents, which refuses/)
})

test('what protects the instance has drifted where it stands neither as it was left nor as it was before', async () => {
  const before = { terminationProtection: true, stopProtection: false, shutdown: 'terminate' as const }
  await using stage = await setStage(undefined, cloud => {
    Object.assign(cloud.instances.get('i-1') ?? {}, before)
    Object.assign(cloud.volumes.get('vol-2') ?? {}, { deleteOnTermination: false })
  })
  const { drifted, revert } = await applied(stage, protect(stage.ec2, { ...SETTINGS, stopWhenNeeded: false }))
  const instance = stage.cloud.instances.get('i-1') ?? assert.fail()
  assert.deepEqual(await drifted(), [])
  Object.assign(instance, before)
  assert.deepEqual(await drifted(), [], 'all put back by hand')
  Object.assign(instance, { terminationProtection: false })
  Object.assign(stage.cloud.volumes.get('vol-2') ?? {}, { deleteOnTermination: true })
  const third = stage.cloud.volumes.get('vol-3') ?? assert.fail()
  delete third.instance
  assert.deepEqual(await drifted(), [
    { resource: 'termination protection of i-1', left: 'on', found: 'off' },
    { resource: 'vol-2', left: 'to outlive the instance', found: 'to be deleted with it' },
    { resource: 'vol-3', left: 'attached as /dev/sdg', found: 'not attached there any more' },
  ])
  const { unable } = await revert()
  assert.deepEqual(unable, ['vol-3 is not attached any more, so it is left as it is'])
  assert.equal(instance.terminationProtection, true)
  assert.equal(stage.cloud.volumes.get('vol-2')?.deleteOnTermination, false)

  Object.assign(instance, { state: 'terminated' })
  assert.deepEqual(await drifted(), [], 'nothing can be put back of what is gone')
})

test('stop protection that somebody set on an instance that was left to be stopped has drifted', async () => {
  await using stage = await setStage()
  const { drifted } = await applied(stage, protect(stage.ec2, SETTINGS), undenied)
  assert.deepEqual(await drifted(), [])
  Object.assign(stage.cloud.instances.get('i-1') ?? {}, { stopProtection: true })
  assert.deepEqual(await drifted(), [{ resource: 'stop protection of i-1', left: 'off', found: 'on' }])
})

test('a stopped instance has drifted once it is terminated, or started although it was stopped before the cut', async () => {
  for (const state of ['running', 'stopped'] as const) {
    await using stage = await setStage(undefined, cloud => {
      Object.assign(cloud.instances.get('i-1') ?? {}, { state })
    })
    const { drifted, revert } = await applied(stage, stop(stage.ec2, SETTINGS), undenied)
    const instance = stage.cloud.instances.get('i-1') ?? assert.fail()
    assert.deepEqual(await drifted(), [])
    if (state === 'running') await assert.rejects(revert(), /IncorrectInstanceState/, 'it is still stopping')
    Object.assign(instance, { state: 'running' })
    const started = [{ resource: 'i-1', left: 'stopped', found: 'running' }]
    assert.deepEqual(await drifted(), state === 'running' ? [] : started)
    Object.assign(instance, { state: 'terminated' })
    assert.deepEqual(await drifted(), [{ resource: 'i-1', left: 'stopped', found: 'terminated' }])
    assert.equal((await revert()).unable.length, 1)
    stage.cloud.instances.delete('i-1')
    assert.deepEqual(await drifted(), [{ resource: 'i-1', left: 'stopped', found: 'terminated' }])
  }
})

test('a registration has drifted once its group is gone or holds the instance in another way, not once it is as before', async () => {
  await using stage = await setStage(undefined, cloud => {
    const group = { arn: WEB, name: 'web', type: 'instance' as const, vpc: 'vpc-1', port: 80 }
    cloud.targetGroups = new Map([[WEB, { ...group, targets: [{ id: 'i-1', port: 80 }] }]])
    cloud.balancers = new Map([['old', { name: 'old', vpc: 'vpc-1', instances: ['i-1'] }]])
  })
  const { drifted, revert } = await applied(stage, loadBalancers(stage.balancing), { passes: 2 })
  const { targetGroups, balancers } = stage.cloud
  const web = targetGroups?.get(WEB) ?? assert.fail()
  assert.deepEqual(await drifted(), [])
  web.targets = [{ id: 'i-1', port: 80 }]
  assert.deepEqual(await drifted(), [], 'registered again by hand')
  web.targets = [{ id: 'i-1', port: 8080 }]
  assert.deepEqual(await drifted(), [
    { resource: 'target group web', left: 'without the instance', found: 'with it as i-1 port 8080' },
  ])
  await revert()
  assert.deepEqual(web.targets.map(({ port }) => port).toSorted(), [80, 8080], 'what somebody added stays')
  targetGroups?.clear()
  balancers?.clear()
  assert.deepEqual(await drifted(), [
    { resource: 'load balancer old', left: 'without the instance', found: 'deleted' },
    { resource: 'target group web', left: 'without the instance', found: 'deleted' },
  ])
  assert.equal((await revert()).unable.length, 2)
})
