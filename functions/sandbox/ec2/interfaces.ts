import { announce, type Cloud, type NetworkInterface } from '../cloud.ts'
import { assignAddress, publicAddressOf } from './addresses.ts'
import { filtered, paged } from './filters.ts'
import { find, INTERFACE, named, RETURN_TRUE, tagSet } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** The default quota (Amazon VPC User Guide, "Security groups per network interface"). */
const MAX_GROUPS = 5

export function interfacesOf({ interfaces }: Cloud, instance: string): NetworkInterface[] {
  return [...interfaces.values()]
    .filter(one => one.instance === instance)
    .toSorted((a, b) => a.deviceIndex - b.deviceIndex)
}

export function groupSet({ groups }: Cloud, ids: readonly string[]): Tree {
  return ids.map(groupId => ({ groupId, groupName: groups.get(groupId)?.name ?? '' }))
}

/** What DescribeInstances and DescribeNetworkInterfaces both say of an interface, but for its association. */
export function interfaceTree(cloud: Cloud, one: NetworkInterface, association: Tree): { [name: string]: Tree } {
  return {
    networkInterfaceId: one.id,
    subnetId: one.subnet,
    vpcId: one.vpc,
    description: '',
    ownerId: cloud.account,
    status: one.instance === undefined ? 'available' : 'in-use',
    macAddress: macAddress(one.address),
    privateIpAddress: one.address,
    sourceDestCheck: true,
    groupSet: groupSet(cloud, one.groups),
    association,
    privateIpAddressesSet: [{ privateIpAddress: one.address, primary: true, association }],
    ipv6AddressesSet: one.ipv6.map(ipv6Address => ({ ipv6Address })),
    interfaceType: 'interface',
  }
}

/** Locally administered, from the address. */
function macAddress(address: string): string {
  return ['02', '00', ...address.split('.').map(part => Number(part).toString(16).padStart(2, '0'))].join(':')
}

export function describeNetworkInterfaces(cloud: Cloud, parameters: Parameters): Tree {
  const chosen = named(cloud.interfaces, parameters.list('NetworkInterfaceId'), INTERFACE)
  const { items, nextToken } = paged(
    filtered(chosen, parameters, {
      'network-interface-id': ({ id }) => [id],
      'subnet-id': ({ subnet }) => [subnet],
      'vpc-id': ({ vpc }) => [vpc],
      'attachment.instance-id': ({ instance }) => [instance],
      'attachment.attachment-id': ({ attachment }) => [attachment],
      'attachment.device-index': ({ instance, deviceIndex }) => (instance ? [String(deviceIndex)] : []),
      'group-id': ({ groups }) => groups,
      'private-ip-address': ({ address }) => [address],
      'addresses.private-ip-address': ({ address }) => [address],
      'ipv6-addresses.ipv6-address': ({ ipv6 }) => ipv6,
      'association.public-ip': one => [publicAddressOf(cloud, one)?.address],
      'owner-id': () => [cloud.account],
      status: ({ instance }) => [instance === undefined ? 'available' : 'in-use'],
    }),
    parameters,
  )
  return { networkInterfaceSet: items.map(one => describeOne(cloud, one)), nextToken }
}

function describeOne(cloud: Cloud, one: NetworkInterface): Tree {
  const held = publicAddressOf(cloud, one)
  const { attachment, instance, deviceIndex, deleteOnTermination } = one
  return {
    ...interfaceTree(
      cloud,
      one,
      held && {
        publicIp: held.address,
        ipOwnerId: held.elastic ? cloud.account : 'amazon',
        allocationId: held.elastic?.allocation,
        associationId: held.elastic?.association,
      },
    ),
    attachment:
      instance === undefined
        ? undefined
        : {
            attachmentId: attachment,
            instanceId: instance,
            instanceOwnerId: cloud.account,
            deviceIndex,
            networkCardIndex: 0,
            deleteOnTermination,
            status: 'attached',
          },
    tagSet: tagSet(one.tags),
  }
}

const ATTRIBUTES = ['SecurityGroupId', 'AssociatePublicIpAddress', 'Attachment', 'Description', 'SourceDestCheck']

export function modifyNetworkInterfaceAttribute(cloud: Cloud, parameters: Parameters): Tree {
  const one = find(cloud.interfaces, parameters.required('NetworkInterfaceId'), INTERFACE)
  const given = parameters.present(ATTRIBUTES)
  if (given.length === 0) throw new Refusal('InvalidParameterCombination', 'No attributes specified.')
  // "You can specify only one attribute at a time" (ModifyNetworkInterfaceAttribute).
  if (given.length > 1)
    throw new Refusal('InvalidParameterCombination', 'Fields for multiple attribute types specified.')
  parameters.permitted()
  const groups = parameters.list('SecurityGroupId')
  const assign = parameters.flag('AssociatePublicIpAddress')
  if (groups.length > 0) setGroups(cloud, one, groups)
  else if (assign !== undefined) setAssigned(cloud, one, assign)
  else {
    const deletes = parameters.structure('Attachment')?.flag('DeleteOnTermination')
    if (deletes === undefined)
      throw new Refusal('UnsupportedOperation', `The sandbox does not change ${given.join(', ')}`)
    one.deleteOnTermination = deletes
  }
  announce(cloud, 'ModifyNetworkInterfaceAttribute', one.id)
  return RETURN_TRUE
}

/** Also for ModifyInstanceAttribute. All groups are checked before any is set. */
export function setGroups(cloud: Cloud, one: NetworkInterface, ids: readonly string[]): void {
  for (const id of ids) {
    const group = cloud.groups.get(id)
    if (!group) throw new Refusal('InvalidGroup.NotFound', `The security group '${id}' does not exist`)
    if (group.vpc !== one.vpc)
      throw new Refusal('InvalidGroup.NotFound', 'You have specified two resources that belong to different networks.')
  }
  const distinct = [...new Set(ids)]
  if (distinct.length > MAX_GROUPS)
    throw new Refusal(
      'SecurityGroupsPerInterfaceLimitExceeded',
      'The maximum number of security groups per interface has been reached.',
    )
  one.groups = distinct
}

function setAssigned(cloud: Cloud, one: NetworkInterface, assign: boolean): void {
  if (!assign) delete one.assigned
  else if (!publicAddressOf(cloud, one)) one.assigned = assignAddress(cloud)
}
