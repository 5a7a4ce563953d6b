import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  AttachInstancesCommand,
  AutoScalingClient,
  AutoScalingServiceException,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeInstanceRefreshesCommand,
  DetachInstancesCommand,
  EnterStandbyCommand,
  ExitStandbyCommand,
} from '@aws-sdk/client-auto-scaling'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { settle } from '../../functions/sandbox/ec2/lifecycle.ts'
import { addAutoScalingGroup, addInstance, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { type ServedEc2, serveEc2 } from './ec2-server.ts'

const cloud: Cloud = emptyCloud()
let served: ServedEc2
let client: AutoScalingClient
/** Of the cloud; the server's own time does not move in a test. */
let now = 0

before(async () => {
  served = await serveEc2(cloud)
  const credentials = { accessKeyId: 'SANDBOX', secretAccessKey: 'sandbox' }
  client = new AutoScalingClient({ endpoint: served.url, region: 'eu-central-1', credentials, maxAttempts: 1 })
})
beforeEach(() => {
  Object.assign(cloud, emptyCloud())
  for (const [index, name] of ['a', 'b', 'alone'].entries()) addInstance(cloud, { name, host: 10 + index })
  addAutoScalingGroup(cloud, 'agents', ['i-a', 'i-b'])
  now = Date.now()
})
after(async () => {
  client.destroy()
  await served.stop()
})

const group = () => cloud.autoscaling?.get('agents') ?? assert.fail()
const lifecycles = () => [...group().members.values()].map(({ lifecycle }) => lifecycle)
const named = { AutoScalingGroupName: 'agents' }
const decide = (ShouldDecrementDesiredCapacity: boolean) => ({ ...named, ShouldDecrementDesiredCapacity })
const stateOf = async (id: string) => {
  const { AutoScalingInstances } = await client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [id] }))
  return AutoScalingInstances?.map(one => [one.AutoScalingGroupName, one.LifecycleState, one.HealthStatus])
}
function pass(minutes: number): void {
  for (let minute = 0; minute < minutes; minute++) {
    now += 60_000
    settle(cloud, now)
  }
}

/** By code, message, status and request id, as the SDK makes an error of AWS's answer. */
async function refuses(answer: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(answer, thrown => {
    assert.ok(thrown instanceof AutoScalingServiceException, String(thrown))
    assert.equal(thrown.name, 'ValidationError')
    assert.match(thrown.message, message)
    assert.equal(thrown.$metadata.httpStatusCode, 400)
    assert.match(thrown.$metadata.requestId ?? '', /^[0-9a-f-]{36}$/)
    return true
  })
}

test('instances and groups are told, and nothing of an instance in no group', async () => {
  assert.deepEqual(await stateOf('i-a'), [['agents', 'InService', 'HEALTHY']])
  assert.deepEqual(await stateOf('i-alone'), [])
  const { AutoScalingGroups } = await client.send(
    new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ['agents'] }),
  )
  assert.deepEqual(
    AutoScalingGroups?.map(one => [one.MinSize, one.MaxSize, one.DesiredCapacity, one.Instances?.length]),
    [[2, 3, 2, 2]],
  )
})

test('an instance enters standby, is replaced, and comes back beside its replacement', async () => {
  const { Activities } = await client.send(new EnterStandbyCommand({ ...decide(false), InstanceIds: ['i-a'] }))
  assert.equal(Activities?.[0]?.Description, 'Moving EC2 instance to Standby: i-a')
  assert.deepEqual(await stateOf('i-a'), [['agents', 'EnteringStandby', 'HEALTHY']])
  await refuses(
    client.send(new ExitStandbyCommand({ ...named, InstanceIds: ['i-a'] })),
    /The instance i-a is not in Standby\./,
  )
  pass(2)
  assert.deepEqual(lifecycles(), ['Standby', 'InService', 'InService'])
  await client.send(new ExitStandbyCommand({ ...named, InstanceIds: ['i-a'] }))
  assert.equal(group().desired, 3)
  pass(2)
  assert.deepEqual(lifecycles(), ['InService', 'InService', 'InService'])
})

test('a group is not made smaller than its minimum nor larger than its maximum', async () => {
  await refuses(
    client.send(new EnterStandbyCommand({ ...decide(true), InstanceIds: ['i-a'] })),
    /min-size=2, max-size=3, and desired-size=2\. To place into standby 1 instance, please update/,
  )
  group().max = 2
  await refuses(
    client.send(new AttachInstancesCommand({ ...named, InstanceIds: ['i-alone'] })),
    /To attach 1 instance, please update the AutoScalingGroup sizes/,
  )
  assert.deepEqual(lifecycles(), ['InService', 'InService'])
})

test('an instance leaves its group and is taken in again', async () => {
  await client.send(new DetachInstancesCommand({ ...decide(false), InstanceIds: ['i-a'] }))
  await refuses(
    client.send(new DetachInstancesCommand({ ...decide(false), InstanceIds: ['i-a'] })),
    /The instance i-a is not in InService or Standby\./,
  )
  pass(2)
  assert.deepEqual(await stateOf('i-a'), [])
  assert.equal(cloud.instances.get('i-a')?.tags['aws:autoscaling:groupName'], undefined)
  await refuses(
    client.send(new DetachInstancesCommand({ ...decide(false), InstanceIds: ['i-a'] })),
    /The instance i-a is not part of Auto Scaling group agents\./,
  )
  await client.send(new AttachInstancesCommand({ ...named, InstanceIds: ['i-a'] }))
  await refuses(
    client.send(new AttachInstancesCommand({ ...named, InstanceIds: ['i-a'] })),
    /Instance i-a is already part of AutoScalingGroup:agents/,
  )
  assert.equal(cloud.instances.get('i-a')?.tags['aws:autoscaling:groupName'], 'agents')
})

test('what is too many is terminated, the oldest first, but for what is protected from scaling in', async () => {
  const [first] = group().members.values()
  assert.ok(first)
  first.protectedFromScaleIn = true
  group().desired = 1
  pass(1)
  assert.deepEqual(lifecycles(), ['InService', 'Terminating'])
  pass(2)
  assert.equal(cloud.instances.get('i-b')?.state, 'terminated')
})

test('an instance that stopped is replaced, however a group checks', async () => {
  group().healthCheck = 'EC2'
  const instance = cloud.instances.get('i-a')
  assert.ok(instance)
  instance.state = 'stopped'
  pass(3)
  assert.equal(cloud.instances.get('i-a')?.state, 'terminated')
  assert.deepEqual(lifecycles(), ['InService', 'InService'])
})

test('an instance refresh under way is told with its preferences', async () => {
  const refreshes = async () => (await client.send(new DescribeInstanceRefreshesCommand(named))).InstanceRefreshes
  assert.deepEqual(await refreshes(), [])
  group().refresh = { id: 'refresh-1', standby: 'Ignore' }
  const [refresh] = (await refreshes()) ?? []
  assert.equal(refresh?.Status, 'InProgress')
  assert.equal(refresh?.Preferences?.StandbyInstances, 'Ignore')
  await refuses(
    client.send(new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: 'none' })),
    /AutoScalingGroup none not found/,
  )
})
