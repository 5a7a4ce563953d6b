import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  DeregisterInstancesFromLoadBalancerCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingClient,
  RegisterInstancesWithLoadBalancerCommand,
} from '@aws-sdk/client-elastic-load-balancing'
import {
  DeregisterTargetsCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { settle } from '../../functions/sandbox/ec2/lifecycle.ts'
import { addAutoScalingGroup, addInstance, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { type ServedEc2, serveEc2 } from './ec2-server.ts'

const cloud: Cloud = emptyCloud()
let served: ServedEc2
let groups: ElasticLoadBalancingV2Client
let classic: ElasticLoadBalancingClient

const WEB = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/73e2d6bc24d8a067'

before(async () => {
  served = await serveEc2(cloud)
  const credentials = { accessKeyId: 'SANDBOX', secretAccessKey: 'sandbox' }
  const connection = { endpoint: served.url, region: 'eu-central-1', credentials, maxAttempts: 1 }
  groups = new ElasticLoadBalancingV2Client(connection)
  classic = new ElasticLoadBalancingClient(connection)
})
beforeEach(() => {
  Object.assign(cloud, emptyCloud(), { autoscaling: new Map() })
  for (const [index, name] of ['a', 'b'].entries()) addInstance(cloud, { name, host: 10 + index })
  const targets = [{ id: 'i-a', port: 80 }]
  cloud.targetGroups = new Map([[WEB, { arn: WEB, name: 'web', type: 'instance', vpc: 'vpc-1', port: 80, targets }]])
  cloud.balancers = new Map([['old', { name: 'old', vpc: 'vpc-1', instances: ['i-a'] }]])
})
after(async () => {
  groups.destroy()
  classic.destroy()
  await served.stop()
})

const health = async (...ids: string[]) => {
  const { TargetHealthDescriptions } = await groups.send(
    new DescribeTargetHealthCommand({
      TargetGroupArn: WEB,
      ...(ids.length > 0 ? { Targets: ids.map(Id => ({ Id })) } : {}),
    }),
  )
  return TargetHealthDescriptions?.map(({ Target, TargetHealth }) =>
    [Target?.Id, Target?.Port, TargetHealth?.State, TargetHealth?.Reason].filter(part => part !== undefined).join(' '),
  )
}
const target = (id: string, Port?: number) => ({
  TargetGroupArn: WEB,
  Targets: [{ Id: id, ...(Port === undefined ? {} : { Port }) }],
})
const inOld = async () => {
  const { LoadBalancerDescriptions } = await classic.send(new DescribeLoadBalancersCommand({}))
  return LoadBalancerDescriptions?.[0]?.Instances?.map(({ InstanceId }) => InstanceId)
}
const instances = (...ids: string[]) => ({
  LoadBalancerName: 'old',
  Instances: ids.map(InstanceId => ({ InstanceId })),
})

/** As the SDK makes an error of AWS's answer: the exception that the model has for its code. */
const refuses = (answer: Promise<unknown>, name: string, message: RegExp) => assert.rejects(answer, { name, message })

test('target groups are told with the kind of their targets', async () => {
  const { TargetGroups } = await groups.send(new DescribeTargetGroupsCommand({}))
  assert.deepEqual(
    TargetGroups?.map(one => [one.TargetGroupArn, one.TargetGroupName, one.TargetType, one.VpcId, one.Port]),
    [[WEB, 'web', 'instance', 'vpc-1', 80]],
  )
})

test('a target is healthy while it can be reached, and unused where it is not registered', async () => {
  assert.deepEqual(await health(), ['i-a 80 healthy'])
  assert.deepEqual(await health('i-a', 'i-b'), ['i-a 80 healthy', 'i-b 80 unused Target.NotRegistered'])
  for (const one of cloud.interfaces.values()) one.groups = ['sg-quarantine']
  assert.deepEqual(await health(), ['i-a 80 unhealthy Target.Timeout'])
})

test('a target drains before it is forgotten, and comes back when it is registered again', async () => {
  await groups.send(new DeregisterTargetsCommand(target('i-a')))
  await groups.send(new DeregisterTargetsCommand(target('i-b')))
  assert.deepEqual(await health(), ['i-a 80 draining Target.DeregistrationInProgress'])
  await groups.send(new RegisterTargetsCommand(target('i-a')))
  await groups.send(new RegisterTargetsCommand(target('i-a', 8080)))
  assert.deepEqual(await health(), ['i-a 80 healthy', 'i-a 8080 healthy'])
  await groups.send(new DeregisterTargetsCommand(target('i-a')))
  for (const one of cloud.targetGroups?.get(WEB)?.targets ?? []) if (one.drainsUntil) one.drainsUntil = Date.now() - 1
  assert.deepEqual(await health(), ['i-a 8080 healthy'])
})

test('what does not run or does not exist is not registered', async () => {
  const instance = cloud.instances.get('i-b')
  assert.ok(instance)
  instance.state = 'stopped'
  await refuses(
    groups.send(new RegisterTargetsCommand(target('i-b'))),
    'InvalidTargetException',
    /not in a running state and cannot be registered: 'i-b'/,
  )
  await refuses(groups.send(new RegisterTargetsCommand(target('i-none'))), 'InvalidTargetException', /i-none/)
  const unknown = { ...target('i-a'), TargetGroupArn: `${WEB}0` }
  await refuses(groups.send(new DeregisterTargetsCommand(unknown)), 'TargetGroupNotFoundException', /not found/)
})

test('a classic load balancer gives an instance away and takes it in, once', async () => {
  assert.deepEqual(await inOld(), ['i-a'])
  const { Instances } = await classic.send(new RegisterInstancesWithLoadBalancerCommand(instances('i-a', 'i-b')))
  assert.deepEqual(
    Instances?.map(({ InstanceId }) => InstanceId),
    ['i-a', 'i-b'],
  )
  await classic.send(new DeregisterInstancesFromLoadBalancerCommand(instances('i-a')))
  assert.deepEqual(await inOld(), ['i-b'])
  await refuses(
    classic.send(new DeregisterInstancesFromLoadBalancerCommand(instances('i-a'))),
    'InvalidEndPointException',
    /Could not find EC2 instance i-a\./,
  )
  const unknown = { ...instances('i-b'), LoadBalancerName: 'none' }
  await refuses(
    classic.send(new RegisterInstancesWithLoadBalancerCommand(unknown)),
    'AccessPointNotFoundException',
    /no ACTIVE Load Balancer named 'none'/,
  )
})

test('an autoscaling group registers what comes into service, and deregisters what leaves it', async () => {
  addAutoScalingGroup(cloud, 'agents', ['i-a'], { targetGroups: [WEB], balancers: ['old'] })
  const group = cloud.autoscaling?.get('agents')
  assert.ok(group)
  group.desired = 2
  let now = Date.now()
  for (let minute = 0; minute < 3; minute++) {
    now += 60_000
    settle(cloud, now)
  }
  const [, launched = ''] = [...group.members.keys()]
  assert.deepEqual(await inOld(), ['i-a', launched])
  assert.equal((await health())?.length, 2)
})
