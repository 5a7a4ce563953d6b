import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  type EC2Client,
  type InstanceAttributeName,
} from '@aws-sdk/client-ec2'
import * as z from 'zod'
import type { Description, Protection } from '../../core/description.ts'
import type { Instances, Log, Permission } from '../../core/ports.ts'
import { listAcls, toAclDescription } from './acls.ts'
import type { Ec2 } from './ec2.ts'
import { type Instance, type NetworkAcl, type NetworkInterface, Reservation } from './ec2-shapes.ts'
import { codeOf } from './faults.ts'
import { attachedTo, groupsOf } from './interfaces.ts'

/**
 * How long what is only put on record may take after what the cut needs is known, in milliseconds. Past it the record
 * says that it does not know.
 */
const GRACE = 500

/**
 * Describes an instance in one round trip where the hint names its VPC, in two where it does not. The interface's address
 * associations and the attributes that protect changes are asked beside it and never hold up the cut.
 */
export function ec2Instances(ec2: Ec2, region: string, log: Log): Instances {
  return {
    async describe(instance, vpc, signal) {
      const client = ec2.standard()
      const late = new AbortController()
      const beside = AbortSignal.any([signal, late.signal])
      const unless = <T>(what: string, answer: Promise<T>): Promise<T | undefined> =>
        answer.catch((thrown: unknown) => {
          log.warn('instance described without a part', { instance, part: what, reason: codeOf(thrown) })
          return undefined
        })
      const interfaces = unless('associations', attachedTo(client, instance, beside))
      const protection = Promise.all([
        unless('termination', readAttribute(client, instance, 'disableApiTermination', beside)),
        unless('stop', readAttribute(client, instance, 'disableApiStop', beside)),
        unless('shutdown', readAttribute(client, instance, 'instanceInitiatedShutdownBehavior', beside)),
      ])
      const hinted = vpc === undefined ? [] : inVpc(client, vpc, signal)
      try {
        const [found, guess] = await Promise.all([findInstance(client, instance, signal), hinted])
        if (!found) return undefined
        const acls = found.VpcId === vpc ? guess : await inVpc(client, found.VpcId, signal)
        const timer = setTimeout(() => late.abort(), GRACE)
        const [attached, attributes] = await Promise.all([interfaces, protection])
        clearTimeout(timer)
        return toDescription(found, found.account, region, acls, attached ?? [], protectionOf(attributes))
      } finally {
        late.abort()
      }
    },
  }
}

async function inVpc(client: EC2Client, vpc: string, signal: AbortSignal): Promise<NetworkAcl[]> {
  // A terminated instance stands in no VPC any more.
  return vpc === '' ? [] : listAcls(client, [{ Name: 'vpc-id', Values: [vpc] }], signal)
}

async function findInstance(
  client: EC2Client,
  id: string,
  signal: AbortSignal,
): Promise<(Instance & { account: string }) | undefined> {
  try {
    const answer = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }), { abortSignal: signal })
    const reservations = z.array(Reservation).parse(answer.Reservations ?? [])
    return reservations
      .flatMap(({ OwnerId, Instances }) => Instances.map(one => ({ ...one, account: OwnerId })))
      .find(({ InstanceId }) => InstanceId === id)
  } catch (thrown) {
    if (['InvalidInstanceID.NotFound', 'InvalidInstanceID.Malformed'].includes(codeOf(thrown))) return undefined
    throw thrown
  }
}

/** An attribute's value as the API words it: `true`, `false`, `stop`, `terminate`. */
export async function readAttribute(
  client: EC2Client,
  instance: string,
  attribute: InstanceAttributeName,
  signal: AbortSignal,
): Promise<string | boolean | undefined> {
  const answer = await client.send(
    new DescribeInstanceAttributeCommand({ InstanceId: instance, Attribute: attribute }),
    {
      abortSignal: signal,
    },
  )
  return (
    answer.DisableApiTermination?.Value ??
    answer.DisableApiStop?.Value ??
    answer.InstanceInitiatedShutdownBehavior?.Value
  )
}

function protectionOf([termination, stop, shutdown]: readonly (string | boolean | undefined)[]): Protection {
  return {
    ...(typeof termination === 'boolean' ? { termination } : {}),
    ...(typeof stop === 'boolean' ? { stop } : {}),
    ...(shutdown === 'stop' || shutdown === 'terminate' ? { shutdown } : {}),
  }
}

function toDescription(
  instance: Instance,
  account: string,
  region: string,
  acls: readonly NetworkAcl[],
  attached: readonly NetworkInterface[],
  protection: Protection,
): Description {
  const subnets = new Set(instance.NetworkInterfaces.map(({ SubnetId }) => SubnetId))
  // DescribeInstances gives the public address but not the association that can be undone.
  const associations = new Map(
    attached
      .flatMap(({ PrivateIpAddresses }) => PrivateIpAddresses)
      .flatMap(({ Association }) => (Association?.PublicIp ? [[Association.PublicIp, Association] as const] : [])),
  )
  return {
    instance: instance.InstanceId,
    account,
    region,
    vpc: instance.VpcId,
    state: instance.State.Name,
    launchedAt: instance.LaunchTime.getTime(),
    spot: instance.InstanceLifecycle === 'spot',
    ...(instance.IamInstanceProfile?.Arn ? { profile: instance.IamInstanceProfile.Arn } : {}),
    tags: instance.Tags,
    interfaces: instance.NetworkInterfaces.map(one => ({
      id: one.NetworkInterfaceId,
      primary: one.Attachment?.DeviceIndex === 0 && one.Attachment.NetworkCardIndex === 0,
      subnet: one.SubnetId,
      groups: groupsOf(one),
      addresses: [
        ...one.PrivateIpAddresses.map(({ PrivateIpAddress }) => PrivateIpAddress),
        ...one.Ipv6Addresses.map(({ Ipv6Address }) => Ipv6Address),
      ],
      publicAddresses: one.PrivateIpAddresses.flatMap(({ PrivateIpAddress, Association }) => {
        if (!Association?.PublicIp) return []
        const { AllocationId, AssociationId } = associations.get(Association.PublicIp) ?? {}
        return {
          address: Association.PublicIp,
          private: PrivateIpAddress,
          ...(Association.IpOwnerId === 'amazon' ? { assigned: true } : {}),
          ...(AllocationId ? { allocation: AllocationId } : {}),
          ...(AssociationId ? { association: AssociationId } : {}),
        }
      }),
    })),
    volumes: instance.BlockDeviceMappings.flatMap(({ DeviceName, Ebs }) =>
      Ebs ? { id: Ebs.VolumeId, device: DeviceName, deleteOnTermination: Ebs.DeleteOnTermination } : [],
    ),
    acls: acls
      .filter(({ Associations }) => Associations.some(({ SubnetId }) => subnets.has(SubnetId)))
      .map(acl => toAclDescription(acl, account)),
    protection,
    ...(instance.MetadataOptions ? { metadataService: instance.MetadataOptions } : {}),
  }
}

export const describePermissions: readonly Permission[] = [
  {
    // Describe calls know no resource (Service Authorization Reference, EC2).
    actions: [
      'ec2:DescribeInstances',
      'ec2:DescribeInstanceAttribute',
      'ec2:DescribeNetworkAcls',
      'ec2:DescribeNetworkInterfaces',
    ],
    resources: ['*'],
  },
]
