import assert from 'node:assert/strict'
import { test } from 'node:test'
import { autoscaler } from '../../functions/clouds/aws/steps/autoscaler.ts'
import type { Incident } from '../../functions/core/incident.ts'
import type { AutoScalingGroup, Cloud } from '../../functions/sandbox/cloud.ts'
import { settle } from '../../functions/sandbox/ec2/lifecycle.ts'
import { addAutoScalingGroup } from '../../functions/sandbox/fixture.ts'
import type { Fate } from './aws-servers.ts'
import { afterStep, incidentOf, setStage, signal } from './ec2-stage.ts'

const MINUTE = 60_000
const GROUP = 'agents'

/** The cloud with its instance in an autoscaling group, and time that goes on. */
async function setGroup(more: Partial<AutoScalingGroup> = {}, fate?: (operation: string, earlier: number) => Fate) {
  const stage = await setStage(fate, cloud => addAutoScalingGroup(cloud, GROUP, ['i-1'], more))
  const { cloud } = stage
  let now = Date.now()
  return {
    ...stage,
    step: autoscaler(stage.scaling),
    member: () => cloud.autoscaling?.get(GROUP)?.members.get('i-1')?.lifecycle,
    group: () => cloud.autoscaling?.get(GROUP) ?? assert.fail(),
    state: () => cloud.instances.get('i-1')?.state,
    pass(minutes: number) {
      for (let minute = 0; minute < minutes; minute++) {
        now += MINUTE
        settle(cloud, now)
      }
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  }
}

function isolate({ interfaces, groups }: Cloud): void {
  const quarantine = { name: 'quarantine', description: '', vpc: 'vpc-1', ingress: [], egress: [], tags: {} }
  groups.set('sg-quarantine', { ...quarantine, id: 'sg-quarantine' })
  for (const one of interfaces.values()) if (one.instance === 'i-1') one.groups = ['sg-quarantine']
}

function restore({ interfaces }: Cloud): void {
  for (const one of interfaces.values()) if (one.instance === 'i-1') one.groups = ['sg-a']
}

const work = (incident: Incident, attempt = 1) => ({ incident, attempt, signal: signal() })

test('without the step an isolated instance is terminated by its group, whatever protects it', async () => {
  await using stage = await setGroup()
  const instance = stage.cloud.instances.get('i-1')
  assert.ok(instance)
  instance.terminationProtection = true
  isolate(stage.cloud)
  stage.pass(5)
  assert.equal(stage.state(), 'terminated')
  assert.deepEqual(
    [...stage.cloud.interfaces.values()].filter(one => one.instance === 'i-1'),
    [],
  )
})

test('autoscaler puts the instance in standby, so that it outlives its isolation and its group goes on as large', async () => {
  await using stage = await setGroup()
  const { step } = stage
  const incident = incidentOf(await stage.described())
  const outcome = await step.apply(work(incident))
  isolate(stage.cloud)
  stage.pass(30)
  assert.equal(stage.state(), 'running')
  assert.equal(stage.member(), 'Standby')
  const others = [...stage.group().members].filter(([id]) => id !== 'i-1')
  assert.deepEqual(
    others.map(([, { lifecycle }]) => lifecycle),
    ['InService'],
  )
  const after = afterStep(incident, step, outcome)
  assert.deepEqual(await step.verify(work(after)), { holds: true, notes: [] })

  restore(stage.cloud)
  const reverted = await step.revert(work(after))
  assert.deepEqual(reverted.done, ['Took the instance out of standby in agents'])
  assert.deepEqual(reverted.unable, ['agents wants one instance more now than before, since it had replaced this one'])
  stage.pass(5)
  assert.equal(stage.member(), 'InService')
  assert.equal(stage.state(), 'running')
  assert.deepEqual((await step.revert(work(after))).done, [])
})

test('autoscaler asks nothing of an instance that is in no group', async () => {
  await using stage = await setStage()
  const step = autoscaler(stage.scaling)
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply(work(incident)))
  assert.equal((await step.verify(work(after))).holds, true)
  await step.revert(work(after))
  assert.deepEqual(
    stage.road.seen.filter(({ body }) => body.includes('AutoScaling')),
    [],
  )
})

test('autoscaler takes the instance out of a group whose refresh terminates what is in standby, and gives it back', async () => {
  await using stage = await setGroup({ refresh: { id: 'refresh-1', standby: 'Terminate' } })
  const { step } = stage
  const incident = incidentOf(await stage.described())
  const outcome = await step.apply(work(incident))
  assert.match(outcome.done.join(), /^Detached the instance from autoscaling group agents, which replaces it/)
  isolate(stage.cloud)
  stage.pass(30)
  assert.equal(stage.state(), 'running')
  assert.equal(stage.member(), undefined)
  assert.equal(stage.group().members.size, 1)
  const after = afterStep(incident, step, outcome)
  assert.equal((await step.verify(work(after))).holds, true)
  restore(stage.cloud)
  delete stage.group().refresh
  await step.revert(work(after))
  stage.pass(2)
  assert.equal(stage.member(), 'InService')
})

test('autoscaler verify() sees a refresh that would terminate what is in standby, and the instance leaves the group', async () => {
  await using stage = await setGroup()
  const { step } = stage
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply(work(incident)))
  stage.pass(1)
  stage.group().refresh = { id: 'refresh-1', standby: 'Terminate' }
  const { holds, notes } = await verifiedAt(stage, after)
  assert.deepEqual(
    { holds, notes },
    { holds: false, notes: ['An instance refresh of agents terminates what is in standby'] },
  )
})

/** Before the group's next tick, which comes with every call: the refresh is told, and does nothing yet. */
async function verifiedAt({ step, group }: Awaited<ReturnType<typeof setGroup>>, incident: Incident) {
  const { refresh } = group()
  const member = group().members.get('i-1')
  assert.ok(refresh && member)
  member.lifecycle = 'EnteringStandby'
  member.settlesAt = Number.MAX_SAFE_INTEGER
  return step.verify(work(incident))
}

test('autoscaler verify() sees an instance that somebody put back into service', async () => {
  await using stage = await setGroup()
  const { step } = stage
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply(work(incident)))
  stage.group().members.set('i-1', { lifecycle: 'InService', protectedFromScaleIn: false })
  const { holds, notes } = await step.verify(work(after))
  assert.deepEqual({ holds, notes }, { holds: false, notes: ['The instance is InService in autoscaling group agents'] })
  await step.apply(work(after))
  assert.equal(stage.member(), 'EnteringStandby')
})

test('autoscaler ends the same where answers got lost, within a try and between tries', async () => {
  for (const losses of [1, 5]) {
    await using stage = await setGroup({}, (operation, earlier) =>
      operation === 'EnterStandby' && earlier < losses ? 'lose-answer' : 'pass',
    )
    const { step } = stage
    const incident = incidentOf(await stage.described())
    if (losses > 1) await assert.rejects(step.apply(work(incident)))
    const outcome = await step.apply(work(incident, losses > 1 ? 2 : 1))
    assert.match(outcome.done.join(), /Put the instance in standby/)
    stage.pass(1)
    const { done } = await step.revert(work(afterStep(incident, step, outcome)))
    assert.deepEqual(done, ['Took the instance out of standby in agents'])
  }
})

test('autoscaler leaves an instance in standby that somebody put there before', async () => {
  await using stage = await setGroup()
  const { step } = stage
  stage.group().members.set('i-1', { lifecycle: 'Standby', protectedFromScaleIn: false })
  const incident = incidentOf(await stage.described())
  const outcome = await step.apply(work(incident))
  assert.deepEqual(outcome.done, [])
  await step.revert(work(afterStep(incident, step, outcome)))
  assert.equal(stage.member(), 'Standby')
})

test('autoscaler waits for an instance that is not in service yet', async () => {
  await using stage = await setGroup()
  const { step } = stage
  const pending = { lifecycle: 'Pending', settlesAt: Date.now() + MINUTE, protectedFromScaleIn: false } as const
  stage.group().members.set('i-1', { ...pending })
  const incident = incidentOf(await stage.described())
  await assert.rejects(step.apply(work(incident)), /Cannot keep agents from the instance while it is Pending there/)
  stage.pass(2)
  await step.apply(work(incident, 2))
  assert.equal(stage.member(), 'EnteringStandby')
})

test('autoscaler leaves the instance out of service where its group is full, and says what the group says', async () => {
  await using stage = await setGroup({ max: 1 })
  const { step } = stage
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply(work(incident)))
  stage.pass(1)
  const { done, unable } = await step.revert(work(after))
  assert.deepEqual(done, [])
  assert.match(unable.join(), /stays out of service in agents, which refuses: .*max-size=1.*take out of standby/)
  assert.equal(stage.member(), 'Standby')
})

test('autoscaler asks for the release again while the instance is still on its way into standby', async () => {
  await using stage = await setGroup()
  const { step } = stage
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply(work(incident)))
  await assert.rejects(step.revert(work(after)), /still EnteringStandby/)
  stage.pass(1)
  await step.revert(work(after))
  assert.equal(stage.member(), 'Pending')
})

test('autoscaler says of an instance that its group terminates already that nothing keeps it', async () => {
  await using stage = await setGroup()
  const { step } = stage
  const incident = incidentOf(await stage.described())
  isolate(stage.cloud)
  stage.pass(2)
  assert.equal(stage.member(), 'Terminating')
  const outcome = await step.apply(work(incident))
  assert.deepEqual(outcome.unable, ['The instance is already Terminating in autoscaling group agents'])
  stage.pass(2)
  const gone = await step.apply(work(incident))
  assert.deepEqual(gone.unable, ['The instance is not in autoscaling group agents any more'])
  assert.deepEqual((await step.revert(work(afterStep(incident, step, gone)))).done, [])
})
