import { announce, type Cloud, type Snapshot, type Volume } from '../cloud.ts'
import { filtered, paged } from './filters.ts'
import { rootDevice, volumesOf } from './instances.ts'
import { find, INSTANCE, named, newId, SNAPSHOT, tagSet, VOLUME } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import { tagsFor } from './tags.ts'
import type { Tree } from './xml.ts'

/** Virtual milliseconds from asked for to completed; inference for a small change set. */
const SNAPSHOT_TIME = 90_000
/** CreateSnapshots, ExcludeDataVolumeIds. */
const MAX_EXCLUDED = 40

export function describeVolumes(cloud: Cloud, parameters: Parameters): Tree {
  const { items, nextToken } = paged(
    filtered(named(cloud.volumes, parameters.list('VolumeId'), VOLUME), parameters, {
      'volume-id': ({ id }) => [id],
      'attachment.instance-id': ({ instance }) => [instance],
      'attachment.device': ({ device }) => [device],
      'attachment.delete-on-termination': one => (one.instance ? [String(one.deleteOnTermination)] : []),
      status: ({ instance }) => [instance === undefined ? 'available' : 'in-use'],
    }),
    parameters,
  )
  return {
    volumeSet: items.map(({ id, size, type, instance, device, deleteOnTermination, key, tags }) => ({
      volumeId: id,
      size,
      volumeType: type ?? 'gp3',
      availabilityZone: `${cloud.region}a`,
      ...encryptionTree(cloud, key),
      status: instance === undefined ? 'available' : 'in-use',
      attachmentSet:
        instance === undefined
          ? []
          : [{ volumeId: id, instanceId: instance, device, status: 'attached', deleteOnTermination }],
      tagSet: tagSet(tags),
    })),
    nextToken,
  }
}

/** The account's default key is told by its ARN like any other. */
function encryptionTree({ account, region }: Cloud, key: string | undefined) {
  const ebs = `arn:aws:kms:${region}:${account}:key/00000000-0000-0000-0000-000000000000`
  return { encrypted: key !== undefined, kmsKeyId: key === 'default' ? ebs : key }
}

export function createSnapshots(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const specification = parameters.structure('InstanceSpecification')
  if (!specification)
    throw new Refusal('MissingParameter', 'The request must contain the parameter InstanceSpecification')
  const instance = find(cloud.instances, specification.required('InstanceId'), INSTANCE)
  const volumes = chosenVolumes(cloud, instance.id, specification)
  const tags = tagsFor('snapshot', parameters)
  const copied = parameters.text('CopyTagsFromSource') === 'volume'
  parameters.permitted()
  for (const volume of volumes) refuseAboveQuota(cloud, volume)
  const description = parameters.text('Description') ?? ''
  const made = volumes.map((volume): Snapshot => {
    const snapshot: Snapshot = {
      id: newId('snap'),
      volume: volume.id,
      state: 'pending',
      startedAt: now,
      completesAt: now + SNAPSHOT_TIME,
      description,
      ...(volume.key === undefined ? {} : { key: volume.key }),
      tags: { ...(copied ? volume.tags : {}), ...tags },
    }
    cloud.snapshots.set(snapshot.id, snapshot)
    announce(cloud, 'CreateSnapshots', snapshot.id)
    return snapshot
  })
  return { snapshotSet: made.map(one => ({ ...commonTree(cloud, one), state: one.state })) }
}

function chosenVolumes(cloud: Cloud, instance: string, specification: Parameters): Volume[] {
  const excluded = specification.list('ExcludeDataVolumeId')
  if (excluded.length > MAX_EXCLUDED)
    throw new Refusal('InvalidParameterValue', `At most ${MAX_EXCLUDED} volumes can be excluded`)
  const attached = volumesOf(cloud, instance)
  const root = rootDevice(attached)
  const excludesRoot = specification.flag('ExcludeBootVolume') === true
  const volumes = attached.filter(one => !(excludesRoot && one.device === root) && !excluded.includes(one.id))
  if (volumes.length === 0)
    throw new Refusal('InvalidParameterCombination', `Instance '${instance}' has no volumes to snapshot`)
  return volumes
}

/** Five in progress a volume, one for st1 and sc1 (Amazon EBS quotas). The whole set is refused. */
function refuseAboveQuota({ snapshots, quotas }: Cloud, { id, type }: Volume): void {
  const limit = type === 'st1' || type === 'sc1' ? 1 : quotas.pendingSnapshotsPerVolume
  const pending = [...snapshots.values()].filter(one => one.volume === id && one.state === 'pending').length
  if (pending >= limit)
    throw new Refusal(
      'ConcurrentSnapshotLimitExceeded',
      'Maximum allowed in-progress snapshots for a single volume exceeded.',
    )
}

export function describeSnapshots(cloud: Cloud, parameters: Parameters): Tree {
  const owners = parameters.list('Owner')
  const chosen = named(cloud.snapshots, parameters.list('SnapshotId'), SNAPSHOT)
  const ours = owners.length === 0 || owners.some(owner => owner === 'self' || owner === cloud.account)
  const { items, nextToken } = paged(
    filtered(ours ? chosen : [], parameters, {
      'snapshot-id': ({ id }) => [id],
      'volume-id': ({ volume }) => [volume],
      'owner-id': () => [cloud.account],
      description: one => [one.description],
      status: ({ state }) => [state],
    }),
    parameters,
  )
  return {
    snapshotSet: items.map(one => ({
      ...commonTree(cloud, one),
      status: one.state,
      completionTime: one.state === 'completed' ? new Date(one.completesAt) : undefined,
    })),
    nextToken,
  }
}

function commonTree(cloud: Cloud, { id, volume, startedAt, description, state, key, tags }: Snapshot) {
  return {
    snapshotId: id,
    volumeId: volume,
    volumeSize: cloud.volumes.get(volume)?.size ?? 0,
    ownerId: cloud.account,
    startTime: new Date(startedAt),
    progress: state === 'completed' ? '100%' : '0%',
    ...encryptionTree(cloud, key),
    description,
    tagSet: tagSet(tags),
  }
}
