import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CreateSnapshotsCommand,
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeLockedSnapshotsCommand,
  DescribeSnapshotAttributeCommand,
  DescribeSnapshotsCommand,
  DescribeTagsCommand,
  DescribeVolumesCommand,
  LockSnapshotCommand,
  ModifySnapshotAttributeCommand,
} from '@aws-sdk/client-ec2'
import { addInstance } from '../../functions/sandbox/fixture.ts'
import { refuses, stageSandbox } from './sandbox-stage.ts'

const stage = stageSandbox(cloud => addInstance(cloud, { name: 'agent', host: 10, volumes: 3, tags: { Name: 'one' } }))
const snapshot = (
  more: Partial<ConstructorParameters<typeof CreateSnapshotsCommand>[0]['InstanceSpecification']> = {},
) =>
  stage.client.send(
    new CreateSnapshotsCommand({
      InstanceSpecification: { InstanceId: 'i-agent', ...more },
      Description: 'Evidence',
      TagSpecifications: [{ ResourceType: 'snapshot', Tags: [{ Key: 'firebreak:incident', Value: 'x' }] }],
    }),
  )
const ours = async () =>
  (
    await stage.client.send(
      new DescribeSnapshotsCommand({
        OwnerIds: ['self'],
        Filters: [{ Name: 'tag:firebreak:incident', Values: ['x'] }],
      }),
    )
  ).Snapshots ?? []

describe('disks and snapshots over the wire', () => {
  it('a set covers every volume, pending first and completed in virtual time', async () => {
    const { Snapshots = [] } = await snapshot()
    assert.deepEqual(
      Snapshots.map(one => [one.VolumeId, one.State, one.VolumeSize, one.Tags?.[0]?.Value]),
      ['vol-agent-0', 'vol-agent-1', 'vol-agent-2'].map(id => [id, 'pending', 100, 'x']),
    )
    assert.deepEqual(
      (await ours()).map(({ State }) => State),
      ['pending', 'pending', 'pending'],
    )
    stage.clock.advance(120_000)
    const completed = await ours()
    assert.deepEqual(
      completed.map(({ State, Progress }) => [State, Progress]),
      Array.from({ length: 3 }, () => ['completed', '100%']),
    )
    assert.ok(completed.every(one => Number(one.CompletionTime) > Number(one.StartTime)))
  })

  it('a snapshot is locked for its days, and shared with accounts one by one', async () => {
    const SnapshotId = (await snapshot()).Snapshots?.[0]?.SnapshotId
    const lock = (LockDuration: number) =>
      stage.client.send(new LockSnapshotCommand({ SnapshotId, LockMode: 'governance', LockDuration }))
    await refuses(lock(0), 'InvalidParameterValue')
    const { LockState, LockExpiresOn, LockCreatedOn } = await lock(2)
    assert.deepEqual([LockState, Number(LockExpiresOn) - Number(LockCreatedOn)], ['governance', 2 * 86_400_000])
    const locks = async () => (await stage.client.send(new DescribeLockedSnapshotsCommand({}))).Snapshots
    assert.deepEqual(
      (await locks())?.map(one => [one.SnapshotId, one.LockState]),
      [[SnapshotId, 'governance']],
    )
    stage.clock.advance(3 * 86_400_000)
    assert.equal((await locks())?.[0]?.LockState, 'expired')

    const share = (OperationType: 'add' | 'remove', ...UserIds: string[]) =>
      stage.client.send(
        new ModifySnapshotAttributeCommand({ SnapshotId, Attribute: 'createVolumePermission', OperationType, UserIds }),
      )
    await share('add', '111122223333', '444455556666')
    await share('remove', '111122223333')
    const { CreateVolumePermissions } = await stage.client.send(
      new DescribeSnapshotAttributeCommand({ SnapshotId, Attribute: 'createVolumePermission' }),
    )
    assert.deepEqual(CreateVolumePermissions, [{ UserId: '444455556666' }])
  })

  it('volumes can be left out', async () => {
    const { Snapshots } = await snapshot({ ExcludeBootVolume: true, ExcludeDataVolumeIds: ['vol-agent-2'] })
    assert.deepEqual(
      Snapshots?.map(({ VolumeId }) => VolumeId),
      ['vol-agent-1'],
    )
    const all = ['vol-agent-0', 'vol-agent-1', 'vol-agent-2']
    await refuses(snapshot({ ExcludeDataVolumeIds: all }), 'InvalidParameterCombination')
    await refuses(snapshot({ InstanceId: 'i-nobody' }), 'InvalidInstanceID.NotFound')
  })

  it('with five in progress on one volume the whole set is refused', async () => {
    const only = { ExcludeBootVolume: true, ExcludeDataVolumeIds: ['vol-agent-2'] }
    for (let set = 0; set < 5; set++) await snapshot(only)
    await refuses(snapshot(), 'ConcurrentSnapshotLimitExceeded')
    assert.equal((await ours()).length, 5)
    stage.clock.advance(120_000)
    await snapshot()
    assert.equal((await ours()).length, 8)
  })

  it('a throughput-optimised disk has one in progress', async () => {
    const volume = stage.cloud.volumes.get('vol-agent-1')
    assert.ok(volume)
    volume.type = 'st1'
    await snapshot()
    await refuses(snapshot(), 'ConcurrentSnapshotLimitExceeded')
  })

  it('volumes say where they are attached', async () => {
    const { Volumes } = await stage.client.send(
      new DescribeVolumesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: ['i-agent'] }] }),
    )
    assert.equal(Volumes?.length, 3)
    assert.deepEqual(Volumes?.[0]?.Attachments, [
      {
        DeleteOnTermination: true,
        Device: '/dev/xvda',
        InstanceId: 'i-agent',
        State: 'attached',
        VolumeId: 'vol-agent-0',
      },
    ])
  })
})

describe('tags over the wire', () => {
  const tag = (Resources: string[], Key: string, Value?: string) => ({
    Resources,
    Tags: [{ Key, ...(Value === undefined ? {} : { Value }) }],
  })

  it('are put on several things at once, changed, and taken away by value', async () => {
    await stage.client.send(new CreateTagsCommand(tag(['i-agent', 'vol-agent-0'], 'held', 'ü & <b>')))
    const { Tags } = await stage.client.send(new DescribeTagsCommand({ Filters: [{ Name: 'key', Values: ['held'] }] }))
    assert.deepEqual(Tags, [
      { Key: 'held', ResourceId: 'i-agent', ResourceType: 'instance', Value: 'ü & <b>' },
      { Key: 'held', ResourceId: 'vol-agent-0', ResourceType: 'volume', Value: 'ü & <b>' },
    ])
    await stage.client.send(new DeleteTagsCommand(tag(['i-agent'], 'held', 'another value')))
    assert.equal(stage.cloud.instances.get('i-agent')?.tags['held'], 'ü & <b>')
    await stage.client.send(new DeleteTagsCommand(tag(['i-agent'], 'held')))
    assert.deepEqual(stage.cloud.instances.get('i-agent')?.tags, { Name: 'one' })
  })

  it('unknown things, reserved keys and too many are refused, and then nothing is tagged', async () => {
    await refuses(
      stage.client.send(new CreateTagsCommand(tag(['i-agent', 'i-nobody'], 'a', 'b'))),
      'InvalidInstanceID.NotFound',
    )
    await refuses(stage.client.send(new CreateTagsCommand(tag(['x-agent'], 'a', 'b'))), 'InvalidID')
    await refuses(stage.client.send(new CreateTagsCommand(tag(['i-agent'], 'aws:a', 'b'))), 'InvalidParameterValue')
    const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: '' }))
    await refuses(stage.client.send(new CreateTagsCommand({ Resources: ['i-agent'], Tags: many })), 'TagLimitExceeded')
    assert.deepEqual(stage.cloud.instances.get('i-agent')?.tags, { Name: 'one' })
  })
})
