import assert from 'node:assert/strict'
import { test } from 'node:test'
import { autoscaler } from '../../functions/clouds/aws/steps/autoscaler.ts'
import { loadBalancers } from '../../functions/clouds/aws/steps/load-balancers.ts'
import type { Incident } from '../../functions/core/incident.ts'
import type { Cloud, Target } from '../../functions/sandbox/cloud.ts'
import { addAutoScalingGroup } from '../../functions/sandbox/fixture.ts'
import type { Fate } from './aws-servers.ts'
import { afterStep, incidentOf, setStage, signal } from './ec2-stage.ts'

const arnOf = (name: string) =>
  `arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/${name}/73e2d6bc24d8a067`

function addBalancers(cloud: Cloud): void {
  const group = (name: string, type: 'instance' | 'ip' | 'lambda', targets: Target[]) =>
    [arnOf(name), { arn: arnOf(name), name, type, vpc: 'vpc-1', port: 80, targets }] as const
  cloud.targetGroups = new Map([
    group('web', 'instance', [
      { id: 'i-1', port: 80 },
      { id: 'i-1', port: 8080 },
      { id: 'i-2', port: 80 },
    ]),
    group('addresses', 'ip', [
      { id: '10.0.1.11', port: 443, zone: 'us-east-1a' },
      { id: '10.0.3.13', port: 443, zone: 'us-east-1a' },
    ]),
    group('others', 'instance', [{ id: 'i-2', port: 80 }]),
    group('function', 'lambda', []),
  ])
  cloud.balancers = new Map([
    ['old', { name: 'old', vpc: 'vpc-1', instances: ['i-1', 'i-2'] }],
    ['foreign', { name: 'foreign', vpc: 'vpc-1', instances: ['i-2'] }],
  ])
}

/** Who is registered where, without what is on its way out. */
function registered({ targetGroups, balancers }: Cloud): string[] {
  const targets = [...(targetGroups?.values() ?? [])].flatMap(group =>
    group.targets
      .filter(({ drainsUntil }) => drainsUntil === undefined)
      .map(({ id, port, zone }) => [group.name, id, port, ...(zone ? [zone] : [])].join(' ')),
  )
  const classic = [...(balancers?.values() ?? [])].flatMap(one => one.instances.map(id => `${one.name} ${id}`))
  return [...targets, ...classic].toSorted()
}

const NEIGHBOURS = ['addresses 10.0.3.13 443 us-east-1a', 'foreign i-2', 'old i-2', 'others i-2 80', 'web i-2 80']

async function setBalancers(fate?: (operation: string, earlier: number) => Fate) {
  const stage = await setStage(fate, addBalancers)
  const step = loadBalancers(stage.balancing)
  const original = registered(stage.cloud)
  return {
    ...stage,
    step,
    original,
    /** Both passes, as the playbook makes them. */
    async applied(incident: Incident): Promise<Incident> {
      const found = afterStep(incident, step, await step.apply(work(incident)))
      return afterStep(found, step, await step.apply(work(found)))
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  }
}

const work = (incident: Incident, attempt = 1) => ({ incident, attempt, signal: signal() })

test('load-balancers takes the instance out by id and by address, on every port, and gives it back', async () => {
  await using stage = await setBalancers()
  const { step, cloud } = stage
  const incident = await stage.applied(incidentOf(await stage.described()))
  assert.deepEqual(registered(cloud), NEIGHBOURS)
  assert.deepEqual(incident.steps[step.id]?.done.toSorted(), [
    'Deregistered the instance from load balancer old',
    'Deregistered the instance from target group addresses as 10.0.1.11 port 443',
    'Deregistered the instance from target group web as i-1 port 80',
    'Deregistered the instance from target group web as i-1 port 8080',
  ])
  assert.deepEqual(await step.verify(work(incident)), { holds: true, notes: [] })
  const { unable } = await step.revert(work(incident))
  assert.deepEqual(unable, [])
  assert.deepEqual(registered(cloud), stage.original)
})

test('load-balancers changes nothing before what it found is written down, and is then due for what it found', async () => {
  await using stage = await setBalancers()
  const { step } = stage
  const incident = incidentOf(await stage.described())
  const first = await step.apply(work(incident))
  assert.deepEqual(registered(stage.cloud), stage.original)
  assert.ok(first.done.includes('Found the instance registered with load balancer old'))
  assert.notEqual(step.covers?.(afterStep(incident, step, first)), step.covers?.(incident))
})

test('load-balancers is done at the first pass with an instance that is registered nowhere', async () => {
  await using stage = await setStage()
  const step = loadBalancers(stage.balancing)
  const incident = incidentOf(await stage.described())
  const first = await step.apply(work(incident))
  assert.deepEqual(first, { done: [], unable: [], facts: { found: [] } })
  assert.equal(step.covers?.(afterStep(incident, step, first)), step.covers?.(incident))
})

test('load-balancers ends the same where answers got lost', async () => {
  const changes = ['DeregisterTargets', 'DeregisterInstancesFromLoadBalancer', 'RegisterTargets']
  await using stage = await setBalancers((operation, earlier) =>
    changes.includes(operation) && earlier < 1 ? 'lose-answer' : 'pass',
  )
  const incident = await stage.applied(incidentOf(await stage.described()))
  assert.deepEqual(registered(stage.cloud), NEIGHBOURS)
  await stage.step.revert(work(incident))
  assert.deepEqual(registered(stage.cloud), stage.original)
})

test('load-balancers reads every page, and asks no group of functions for its targets', async () => {
  await using stage = await setStage(undefined, cloud => {
    addBalancers(cloud)
    for (let index = 0; index < 900; index++) {
      const arn = arnOf(`empty-${index}`)
      // Of functions: they would cost a call each otherwise.
      cloud.targetGroups?.set(arn, { arn, name: `empty-${index}`, type: 'lambda', vpc: '', port: 1, targets: [] })
      cloud.balancers?.set(`empty-${index}`, { name: `empty-${index}`, vpc: 'vpc-1', instances: [] })
    }
    cloud.balancers?.set('last', { name: 'last', vpc: 'vpc-1', instances: ['i-1'] })
  })
  const found = await stage.balancing.registrationsOf('i-1', [], signal())
  assert.equal(stage.road.count('DescribeTargetGroups'), 3)
  assert.equal(stage.road.count('DescribeTargetHealth'), 3)
  assert.deepEqual(
    found.flatMap(one => ('balancer' in one ? one.balancer : [])),
    ['old', 'last'],
  )
})

test('load-balancers verify() names where somebody registered the instance again', async () => {
  await using stage = await setBalancers()
  const { step, cloud } = stage
  const incident = await stage.applied(incidentOf(await stage.described()))
  for (const one of cloud.targetGroups?.get(arnOf('web'))?.targets ?? []) if (one.port === 80) delete one.drainsUntil
  cloud.balancers?.get('old')?.instances.push('i-1')
  const { holds, notes } = await step.verify(work(incident))
  assert.equal(holds, false)
  assert.deepEqual(notes.toSorted(), [
    'Registered with load balancer old',
    'Registered with target group web as i-1 port 80',
  ])
  await step.apply(work(incident))
  assert.deepEqual(registered(cloud), NEIGHBOURS)
})

test('load-balancers says what is gone or does not run, and gives back the rest', async () => {
  await using stage = await setBalancers()
  const { step, cloud } = stage
  const incident = await stage.applied(incidentOf(await stage.described()))
  cloud.targetGroups?.delete(arnOf('addresses'))
  cloud.balancers?.delete('old')
  assert.equal((await step.verify(work(incident))).holds, true)
  const one = cloud.instances.get('i-1')
  assert.ok(one)
  one.state = 'terminated'
  await step.apply(work(incident))
  const { done, unable } = await step.revert(work(incident))
  assert.deepEqual(done, [])
  assert.deepEqual(unable.toSorted(), [
    'The instance cannot be registered with load balancer old again (AccessPointNotFoundException)',
    'The instance cannot be registered with target group addresses as 10.0.1.11 port 443 again (TargetGroupNotFoundException)',
    'The instance cannot be registered with target group web as i-1 port 80 again (InvalidTargetException)',
    'The instance cannot be registered with target group web as i-1 port 8080 again (InvalidTargetException)',
  ])
})

test('load-balancers and autoscaler together leave the instance where both found it', async () => {
  await using stage = await setStage(undefined, cloud => {
    addBalancers(cloud)
    addAutoScalingGroup(cloud, 'agents', ['i-1'], { targetGroups: [arnOf('web')], balancers: ['old'] })
  })
  const { cloud } = stage
  const original = registered(cloud)
  const [scaling, balancing] = [autoscaler(stage.scaling), loadBalancers(stage.balancing)]
  let incident = incidentOf(await stage.described())
  const found = await balancing.apply(work(incident))
  incident = afterStep(incident, scaling, await scaling.apply(work(incident)))
  incident = afterStep(incident, balancing, found)
  incident = afterStep(incident, balancing, await balancing.apply(work(incident)))
  assert.deepEqual(registered(cloud), NEIGHBOURS)
  const member = cloud.autoscaling?.get('agents')?.members.get('i-1')
  assert.ok(member)
  delete member.settlesAt
  member.lifecycle = 'Standby'
  await balancing.revert(work(incident))
  await scaling.revert(work(incident))
  assert.deepEqual(registered(cloud), original)
})
