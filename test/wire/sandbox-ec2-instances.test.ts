import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  DescribeVolumesCommand,
  type InstanceAttributeName,
  ModifyInstanceAttributeCommand,
  type ModifyInstanceAttributeCommandInput,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { addGroup, addInstance, addInterface } from '../../functions/sandbox/fixture.ts'
import { refuses, stageSandbox } from './sandbox-stage.ts'

const stage = stageSandbox(cloud => {
  addInstance(cloud, {
    name: 'agent',
    host: 10,
    publicAddress: '192.0.2.10',
    volumes: 3,
    tags: { 'firebreak:scope': 'agent', Name: '<script>alert("&")</script>' },
  })
  addInterface(cloud, { name: 'second', subnet: 'subnet-b', host: 11 }, 'i-agent', 1)
  addInstance(cloud, { name: 'spot', host: 20, spot: true, assigned: '192.0.2.20' })
  for (let host = 30; host < 40; host++) addInstance(cloud, { name: `n${host}`, host })
})
const send = {
  describe: (input: DescribeInstancesCommandInput) => stage.client.send(new DescribeInstancesCommand(input)),
  modify: (input: Omit<ModifyInstanceAttributeCommandInput, 'InstanceId'>, id = 'i-agent') =>
    stage.client.send(new ModifyInstanceAttributeCommand({ InstanceId: id, ...input })),
  attribute: (Attribute: InstanceAttributeName) =>
    stage.client.send(new DescribeInstanceAttributeCommand({ InstanceId: 'i-agent', Attribute })),
}
const agent = { InstanceIds: ['i-agent'] }

describe('instances over the wire', () => {
  it('an instance has its interfaces, disks, tags and public address', async () => {
    const { Reservations } = await send.describe(agent)
    const [instance] = Reservations?.[0]?.Instances ?? []
    assert.equal(Reservations?.[0]?.OwnerId, '123456789012')
    assert.equal(instance?.State?.Name, 'running')
    assert.equal(instance?.LaunchTime?.getTime(), Date.UTC(2026, 0, 1))
    assert.equal(instance?.PublicIpAddress, '192.0.2.10')
    assert.equal(instance?.InstanceLifecycle, undefined)
    assert.deepEqual(instance?.Tags?.[1], { Key: 'Name', Value: '<script>alert("&")</script>' })
    assert.deepEqual(
      instance?.NetworkInterfaces?.map(one => [
        one.NetworkInterfaceId,
        one.Attachment?.DeviceIndex,
        one.Groups?.map(({ GroupId }) => GroupId),
        one.PrivateIpAddresses?.[0]?.Association?.PublicIp,
        one.Ipv6Addresses?.[0]?.Ipv6Address,
      ]),
      [
        ['eni-agent', 0, ['sg-agents'], '192.0.2.10', '2001:db8:0:101::a'],
        ['eni-second', 1, ['sg-agents'], undefined, '2001:db8:0:102::b'],
      ],
    )
    assert.deepEqual(
      instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [
        DeviceName,
        Ebs?.VolumeId,
        Ebs?.DeleteOnTermination,
      ]),
      [
        ['/dev/xvda', 'vol-agent-0', true],
        ['/dev/xvdb', 'vol-agent-1', false],
        ['/dev/xvdc', 'vol-agent-2', false],
      ],
    )
  })

  it('filters combine, and a tag’s value may have wildcards', async () => {
    const found = async (...filters: [string, ...string[]][]) => {
      const { Reservations = [] } = await send.describe({
        Filters: filters.map(([Name, ...Values]) => ({ Name, Values })),
      })
      return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId))
    }
    assert.deepEqual(await found(['tag:firebreak:scope', 'ag?nt', 'x']), ['i-agent'])
    assert.deepEqual(await found(['tag-key', 'Nam*'], ['instance-state-name', 'running']), ['i-agent'])
    assert.deepEqual(await found(['tag-key', 'Name'], ['instance-state-name', 'stopped']), [])
    assert.deepEqual(await found(['instance-id', 'i-n3*'], ['vpc-id', 'vpc-1']), [
      ...Array.from({ length: 10 }, (_, index) => `i-n3${index}`),
    ])
    await refuses(found(['colour', 'red']), 'InvalidParameterValue')
  })

  it('pages lead through all instances once', async () => {
    const seen: string[] = []
    const sizes: number[] = []
    let NextToken: string | undefined
    do {
      const page = await send.describe({ MaxResults: 5, ...(NextToken ? { NextToken } : {}) })
      sizes.push(page.Reservations?.length ?? 0)
      seen.push(...(page.Reservations ?? []).map(({ Instances }) => Instances?.[0]?.InstanceId ?? ''))
      NextToken = page.NextToken
    } while (NextToken)
    assert.deepEqual(sizes, [5, 5, 2])
    assert.deepEqual(new Set(seen), new Set(stage.cloud.instances.keys()))
    await refuses(send.describe({ NextToken: 'forged' }), 'InvalidPaginationToken')
    await refuses(send.describe({ MaxResults: 4 }), 'InvalidParameterValue')
    await refuses(send.describe({ ...agent, MaxResults: 5 }), 'InvalidParameterCombination')
  })

  it('an unknown id is not found, another kind of id is malformed', async () => {
    await refuses(send.describe({ InstanceIds: ['i-nobody'] }), 'InvalidInstanceID.NotFound')
    await refuses(send.describe({ InstanceIds: ['eni-agent'] }), 'InvalidInstanceID.Malformed')
  })

  it('attributes that protect are read and changed one by one', async () => {
    await send.modify({ DisableApiTermination: { Value: true } })
    await send.modify({ DisableApiStop: { Value: true } })
    await send.modify({ InstanceInitiatedShutdownBehavior: { Value: 'stop' } })
    await send.modify({ Attribute: 'disableApiStop', Value: 'false' })
    assert.equal((await send.attribute('disableApiTermination')).DisableApiTermination?.Value, true)
    assert.equal((await send.attribute('disableApiStop')).DisableApiStop?.Value, false)
    const shutdown = await send.attribute('instanceInitiatedShutdownBehavior')
    assert.equal(shutdown.InstanceInitiatedShutdownBehavior?.Value, 'stop')
    await refuses(
      send.modify({ DisableApiStop: { Value: true }, DisableApiTermination: { Value: true } }),
      'InvalidParameterCombination',
    )
    await refuses(send.modify({}), 'InvalidParameterCombination')
  })

  it('a Spot instance takes no protection', async () => {
    await refuses(send.modify({ DisableApiTermination: { Value: true } }, 'i-spot'), 'UnsupportedOperation')
    await refuses(send.modify({ DisableApiStop: { Value: true } }, 'i-spot'), 'UnsupportedOperation')
  })

  it('disks are told to outlive the instance, and outlive it', async () => {
    await send.modify({
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeId: 'vol-agent-0', DeleteOnTermination: false } }],
    })
    await refuses(
      send.modify({ BlockDeviceMappings: [{ DeviceName: '/dev/xvdz', Ebs: { DeleteOnTermination: false } }] }),
      'InvalidInstanceAttributeValue',
    )
    await stage.client.send(new TerminateInstancesCommand(agent))
    await stage.client.send(new TerminateInstancesCommand({ InstanceIds: ['i-n30'] }))
    stage.clock.advance(60_000)
    const { Volumes = [] } = await stage.client.send(new DescribeVolumesCommand({}))
    const left = Volumes.map(({ VolumeId }) => VolumeId)
    assert.ok(left.includes('vol-agent-0'))
    assert.ok(!left.includes('vol-n30-0'))
    assert.equal(Volumes.find(({ VolumeId }) => VolumeId === 'vol-agent-0')?.State, 'available')
    const { Reservations } = await send.describe(agent)
    assert.equal(Reservations?.[0]?.Instances?.[0]?.State?.Name, 'terminated')
    assert.equal(Reservations?.[0]?.Instances?.[0]?.VpcId, undefined)
    assert.equal(stage.cloud.interfaces.get('eni-second')?.instance, undefined)
    assert.equal(stage.cloud.addresses.get('eipalloc-agent')?.interface, undefined)
  })

  it('groups are set through the instance only while it has one interface', async () => {
    addGroup(stage.cloud, 'sg-foreign', [], [], 'vpc-2')
    await refuses(send.modify({ Groups: ['sg-quarantine'] }), 'InvalidInstanceID')
    await send.modify({ Groups: ['sg-quarantine'] }, 'i-n30')
    assert.deepEqual(stage.cloud.interfaces.get('eni-n30')?.groups, ['sg-quarantine'])
    await refuses(send.modify({ Groups: ['sg-foreign'] }, 'i-n30'), 'InvalidGroup.NotFound')
  })

  it('a stop passes through stopping, gives an assigned address back, and a start leads to running', async () => {
    const only = { InstanceIds: ['i-n31'] }
    const held = stage.cloud.interfaces.get('eni-n31')
    assert.ok(held)
    held.assigned = '192.0.2.31'
    const { StoppingInstances } = await stage.client.send(new StopInstancesCommand({ ...only, SkipOsShutdown: true }))
    assert.equal(StoppingInstances?.[0]?.CurrentState?.Name, 'stopping')
    assert.equal(StoppingInstances?.[0]?.PreviousState?.Name, 'running')
    await refuses(stage.client.send(new StartInstancesCommand(only)), 'IncorrectInstanceState')
    stage.clock.advance(60_000)
    const stopped = await send.describe(only)
    assert.equal(stopped.Reservations?.[0]?.Instances?.[0]?.State?.Code, 80)
    assert.equal(held.assigned, undefined)
    await stage.client.send(new StartInstancesCommand(only))
    stage.clock.advance(60_000)
    const started = await send.describe(only)
    assert.equal(started.Reservations?.[0]?.Instances?.[0]?.State?.Name, 'running')
  })

  it('protection refuses stop and termination until it is lifted', async () => {
    await send.modify({ DisableApiTermination: { Value: true } })
    await send.modify({ DisableApiStop: { Value: true } })
    await refuses(stage.client.send(new StopInstancesCommand(agent)), 'OperationNotPermitted')
    await refuses(
      stage.client.send(new TerminateInstancesCommand({ InstanceIds: ['i-n32', 'i-agent'] })),
      'OperationNotPermitted',
    )
    assert.equal(stage.cloud.instances.get('i-n32')?.state, 'running')
    await refuses(stage.client.send(new StopInstancesCommand({ InstanceIds: ['i-spot'] })), 'UnsupportedOperation')
    await send.modify({ DisableApiStop: { Value: false } })
    await stage.client.send(new StopInstancesCommand(agent))
    assert.equal(stage.cloud.instances.get('i-agent')?.state, 'stopping')
  })
})
