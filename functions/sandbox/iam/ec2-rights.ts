import type { Cloud } from '../cloud.ts'
import { aclAssociationOf } from '../ec2/acls.ts'
import { associationOf, profileArn } from '../ec2/instance-profiles.ts'
import { volumesOf } from '../ec2/instances.ts'
import type { Parameters } from '../ec2/parameters.ts'
import { arn, type Right, type Row, right } from './right.ts'

/**
 * What EC2's changing calls ask of IAM, by the kinds of resource that the Service Authorization Reference names for each. Where
 * it leaves open whether a resource that is touched on the way is judged, it is taken to be.
 */

type Tags = Readonly<Record<string, string>> | undefined

function tagged(prefix: 'aws:ResourceTag' | 'aws:RequestTag', tags: Tags): Right['keys'] {
  return Object.fromEntries(Object.entries(tags ?? {}).map(([key, value]) => [`${prefix}/${key}`, [value]]))
}

/** A resource by its id, with the tags that it bears. */
type Find = (cloud: Cloud, id: string) => Pick<Right, 'resource' | 'keys'>

const by =
  (kind: string, tags: (cloud: Cloud, id: string) => Tags = () => undefined): Find =>
  (cloud, id) => ({ resource: arn(cloud, 'ec2', `${kind}/${id}`), keys: tagged('aws:ResourceTag', tags(cloud, id)) })

const instance = by('instance', ({ instances }, id) => instances.get(id)?.tags)
const networkInterface = by('network-interface', ({ interfaces }, id) => interfaces.get(id)?.tags)
const securityGroup = by('security-group', ({ groups }, id) => groups.get(id)?.tags)
const networkAcl = by('network-acl', ({ acls }, id) => acls.get(id)?.tags)
const subnet = by('subnet', ({ subnets }, id) => subnets.get(id)?.tags)
const volume = by('volume', ({ volumes }, id) => volumes.get(id)?.tags)
const vpc = by('vpc', ({ vpcs }, id) => vpcs.get(id)?.tags)
const elasticIp = by('elastic-ip')

/** A snapshot's ARN names no account. */
const snapshot: Find = ({ region, snapshots }, id) => ({
  resource: `arn:aws:ec2:${region}::snapshot/${id}`,
  keys: tagged('aws:ResourceTag', snapshots.get(id)?.tags),
})

/** Rights on each of the resources whose ids stand in a parameter, alone or as a list. */
function on(action: string, find: Find, name: string): Row<Parameters> {
  return (cloud, parameters) => ids(parameters, name).map(id => ({ action: `ec2:${action}`, ...find(cloud, id) }))
}

function ids(parameters: Parameters, name: string): string[] {
  const one = parameters.text(name)
  return one === undefined ? parameters.list(name) : [one]
}

function all(...rows: readonly Row<Parameters>[]): Row<Parameters> {
  return (cloud, parameters) => rows.flatMap(row => row(cloud, parameters))
}

/** The interface that the parameter names, and the instance to which it is attached. */
function attached(action: string, name = 'NetworkInterfaceId'): Row<Parameters> {
  const held: Row<Parameters> = (cloud, parameters) =>
    ids(parameters, name).flatMap(id => {
      const at = cloud.interfaces.get(id)?.instance
      return at === undefined ? [] : [{ action: `ec2:${action}`, ...instance(cloud, at) }]
    })
  return all(on(action, networkInterface, name), held)
}

const MAKING = { snapshot, 'security-group': securityGroup, 'network-acl': networkAcl }

/** Of what is made, its id is not known yet, and its tags are the request's; giving them is a right of its own. */
function made(action: string, kind: keyof typeof MAKING): Row<Parameters> {
  return (cloud, parameters) => {
    const { resource } = MAKING[kind](cloud, '*')
    const tags = Object.fromEntries(
      parameters
        .structures('TagSpecification')
        .filter(one => one.text('ResourceType') === kind)
        .flatMap(one => one.structures('Tag'))
        .map(tag => [tag.text('Key') ?? '', tag.text('Value') ?? '']),
    )
    const keys = tagged('aws:RequestTag', tags)
    return [
      right(`ec2:${action}`, resource, keys),
      ...(Object.keys(tags).length > 0
        ? [right('ec2:CreateTags', resource, { ...keys, 'ec2:CreateAction': [action] })]
        : []),
    ]
  }
}

function snapshotSources(cloud: Cloud, parameters: Parameters): Right[] {
  const specification = parameters.structure('InstanceSpecification')
  const id = specification?.text('InstanceId') ?? ''
  const excluded = specification?.list('ExcludeDataVolumeId') ?? []
  const volumes = volumesOf(cloud, id).filter(one => !excluded.includes(one.id))
  return [instance(cloud, id), ...volumes.map(one => volume(cloud, one.id))].map(found => ({
    action: 'ec2:CreateSnapshots',
    ...found,
  }))
}

function disassociateAddress(cloud: Cloud, parameters: Parameters): Right[] {
  const held = [...cloud.addresses.values()].find(one => one.association === parameters.text('AssociationId'))
  if (!held) return [right('ec2:DisassociateAddress', elasticIp(cloud, '*').resource)]
  const at = held.interface === undefined ? undefined : cloud.interfaces.get(held.interface)
  return [
    elasticIp(cloud, held.allocation),
    ...(at ? [networkInterface(cloud, at.id)] : []),
    ...(at?.instance === undefined ? [] : [instance(cloud, at.instance)]),
  ].map(found => ({ action: 'ec2:DisassociateAddress', ...found }))
}

/** The disks are told by the device under which they are attached. */
function attributeDisks(cloud: Cloud, parameters: Parameters): Right[] {
  const devices = parameters.structures('BlockDeviceMapping').map(one => one.text('DeviceName'))
  return volumesOf(cloud, parameters.text('InstanceId') ?? '')
    .filter(({ device }) => devices.includes(device))
    .map(({ id }) => ({ action: 'ec2:ModifyInstanceAttribute', ...volume(cloud, id) }))
}

function shareSnapshot(cloud: Cloud, parameters: Parameters): Right[] {
  const { resource, keys } = snapshot(cloud, parameters.text('SnapshotId') ?? '')
  const account = parameters.text('OperationType') === 'add' ? { 'ec2:Add/userId': parameters.list('UserId') } : {}
  return [right('ec2:ModifySnapshotAttribute', resource, { ...keys, ...account })]
}

/** The ACL that is to serve the subnet, and the subnet. */
function replaceAcl(cloud: Cloud, parameters: Parameters): Right[] {
  const association = parameters.text('AssociationId')
  const served = [...cloud.subnets.values()].find(one => aclAssociationOf(one.id, one.acl) === association)
  return [networkAcl(cloud, parameters.text('NetworkAclId') ?? '*'), subnet(cloud, served?.id ?? '*')].map(found => ({
    action: 'ec2:ReplaceNetworkAclAssociation',
    ...found,
  }))
}

function disassociateProfile(cloud: Cloud, parameters: Parameters): Right[] {
  const association = parameters.text('AssociationId')
  const held = [...cloud.instances.values()].find(one => associationOf(one) === association)
  return [{ action: 'ec2:DisassociateIamInstanceProfile', ...instance(cloud, held?.id ?? '*') }]
}

/** Whoever gives an instance a profile passes its role to EC2 (IAM User Guide, "Granting a user permissions to pass a role"). */
function passedRole(cloud: Cloud, parameters: Parameters): Right[] {
  const profile = parameters.structure('IamInstanceProfile')?.text('Arn')
  const roles = [...(cloud.roles?.values() ?? [])].filter(({ name }) => profileArn(cloud, name) === profile)
  return roles.map(({ name, path }) =>
    right('iam:PassRole', `arn:aws:iam::${cloud.account}:role${path}${name}`, {
      'iam:PassedToService': ['ec2.amazonaws.com'],
    }),
  )
}

export const EC2_RIGHTS: Readonly<Record<string, Row<Parameters>>> = {
  'ec2:ModifyNetworkInterfaceAttribute': all(
    attached('ModifyNetworkInterfaceAttribute'),
    on('ModifyNetworkInterfaceAttribute', securityGroup, 'SecurityGroupId'),
  ),
  'ec2:CreateSecurityGroup': all(
    on('CreateSecurityGroup', vpc, 'VpcId'),
    made('CreateSecurityGroup', 'security-group'),
  ),
  'ec2:RevokeSecurityGroupIngress': on('RevokeSecurityGroupIngress', securityGroup, 'GroupId'),
  'ec2:RevokeSecurityGroupEgress': on('RevokeSecurityGroupEgress', securityGroup, 'GroupId'),
  'ec2:AuthorizeSecurityGroupIngress': on('AuthorizeSecurityGroupIngress', securityGroup, 'GroupId'),
  'ec2:AuthorizeSecurityGroupEgress': on('AuthorizeSecurityGroupEgress', securityGroup, 'GroupId'),
  'ec2:CreateNetworkAcl': all(on('CreateNetworkAcl', vpc, 'VpcId'), made('CreateNetworkAcl', 'network-acl')),
  'ec2:DeleteNetworkAcl': on('DeleteNetworkAcl', networkAcl, 'NetworkAclId'),
  'ec2:ReplaceNetworkAclAssociation': replaceAcl,
  'ec2:CreateNetworkAclEntry': on('CreateNetworkAclEntry', networkAcl, 'NetworkAclId'),
  'ec2:DeleteNetworkAclEntry': on('DeleteNetworkAclEntry', networkAcl, 'NetworkAclId'),
  'ec2:AssociateAddress': all(on('AssociateAddress', elasticIp, 'AllocationId'), attached('AssociateAddress')),
  'ec2:DisassociateAddress': disassociateAddress,
  'ec2:StopInstances': on('StopInstances', instance, 'InstanceId'),
  'ec2:StartInstances': on('StartInstances', instance, 'InstanceId'),
  'ec2:ModifyInstanceAttribute': all(on('ModifyInstanceAttribute', instance, 'InstanceId'), attributeDisks),
  'ec2:ModifyInstanceMetadataOptions': on('ModifyInstanceMetadataOptions', instance, 'InstanceId'),
  'ec2:GetConsoleOutput': on('GetConsoleOutput', instance, 'InstanceId'),
  'ec2:GetConsoleScreenshot': on('GetConsoleScreenshot', instance, 'InstanceId'),
  'ec2:CreateSnapshots': all(snapshotSources, made('CreateSnapshots', 'snapshot')),
  'ec2:LockSnapshot': on('LockSnapshot', snapshot, 'SnapshotId'),
  'ec2:ModifySnapshotAttribute': shareSnapshot,
  'ec2:AssociateIamInstanceProfile': all(on('AssociateIamInstanceProfile', instance, 'InstanceId'), passedRole),
  'ec2:DisassociateIamInstanceProfile': disassociateProfile,
}
