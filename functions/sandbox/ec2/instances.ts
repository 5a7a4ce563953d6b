import type { Cloud, Instance, Volume } from '../cloud.ts'
import { publicAddressOf } from './addresses.ts'
import { filtered, paged } from './filters.ts'
import { profileArn } from './instance-profiles.ts'
import { groupSet, interfacesOf, interfaceTree } from './interfaces.ts'
import { INSTANCE, named, tagSet } from './lookup.ts'
import { metadataTree } from './metadata-options.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** As InstanceState has them (EC2 API Reference). */
const STATE_CODES: Readonly<Record<Instance['state'], number>> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
}

export function stateTree(name: Instance['state']): Tree {
  return { code: STATE_CODES[name], name }
}

export function volumesOf({ volumes }: Cloud, instance: string): Volume[] {
  return [...volumes.values()]
    .filter(one => one.instance === instance)
    .toSorted((a, b) => ((a.device ?? '') < (b.device ?? '') ? -1 : 1))
}

/** The first device in order is the root. */
export function rootDevice(volumes: readonly Volume[]): string | undefined {
  return volumes[0]?.device
}

export function describeInstances(cloud: Cloud, parameters: Parameters): Tree {
  const ids = parameters.list('InstanceId')
  if (ids.length > 0 && parameters.text('MaxResults') !== undefined)
    throw new Refusal(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    )
  const primary = ({ id }: Instance) => interfacesOf(cloud, id)[0]
  const { items, nextToken } = paged(
    filtered(named(cloud.instances, ids, INSTANCE), parameters, {
      'instance-id': ({ id }) => [id],
      'instance-state-name': ({ state }) => [state],
      'instance-state-code': ({ state }) => [String(STATE_CODES[state])],
      'instance-type': ({ type }) => [type],
      'instance-lifecycle': ({ spot }) => (spot ? ['spot'] : []),
      'owner-id': () => [cloud.account],
      'vpc-id': one => [primary(one)?.vpc],
      'subnet-id': one => [primary(one)?.subnet],
      'private-ip-address': one => [primary(one)?.address],
      'instance.group-id': one => primary(one)?.groups ?? [],
      'network-interface.network-interface-id': ({ id }) => interfacesOf(cloud, id).map(held => held.id),
      'network-interface.subnet-id': ({ id }) => interfacesOf(cloud, id).map(({ subnet }) => subnet),
    }),
    parameters,
  )
  return {
    reservationSet: items.map(one => ({
      reservationId: one.id.replace(/^i-/, 'r-'),
      ownerId: cloud.account,
      groupSet: [],
      instancesSet: [instanceTree(cloud, one)],
    })),
    nextToken,
  }
}

function instanceTree(cloud: Cloud, one: Instance): Tree {
  const volumes = volumesOf(cloud, one.id)
  return {
    instanceId: one.id,
    imageId: 'ami-0123456789abcdef0',
    instanceState: stateTree(one.state),
    instanceType: one.type,
    launchTime: new Date(one.launchedAt),
    placement: { availabilityZone: `${cloud.region}a`, tenancy: 'default' },
    architecture: 'x86_64',
    hypervisor: 'xen',
    virtualizationType: 'hvm',
    monitoring: { state: 'disabled' },
    metadataOptions: metadataTree(one.metadata, 'applied'),
    rootDeviceType: 'ebs',
    rootDeviceName: rootDevice(volumes),
    instanceLifecycle: one.spot ? 'spot' : undefined,
    iamInstanceProfile: one.role === undefined ? undefined : { arn: profileArn(cloud, one.role), id: 'AIPASANDBOX' },
    ...networkTree(cloud, one),
    blockDeviceMapping: deviceMapping(one, volumes),
    tagSet: tagSet(one.tags),
  }
}

/** A terminated instance has none any more. */
function networkTree(cloud: Cloud, { id, launchedAt }: Instance): { [name: string]: Tree } {
  const interfaces = interfacesOf(cloud, id)
  const [primary] = interfaces
  if (!primary) return { networkInterfaceSet: [], groupSet: [] }
  return {
    vpcId: primary.vpc,
    subnetId: primary.subnet,
    privateIpAddress: primary.address,
    ipAddress: publicAddressOf(cloud, primary)?.address,
    sourceDestCheck: true,
    groupSet: groupSet(cloud, primary.groups),
    networkInterfaceSet: interfaces.map(held => {
      const address = publicAddressOf(cloud, held)
      return {
        ...interfaceTree(
          cloud,
          held,
          address && { publicIp: address.address, ipOwnerId: address.elastic ? cloud.account : 'amazon' },
        ),
        attachment: {
          attachmentId: held.attachment,
          deviceIndex: held.deviceIndex,
          networkCardIndex: 0,
          deleteOnTermination: held.deleteOnTermination,
          status: 'attached',
          attachTime: new Date(launchedAt),
        },
      }
    }),
  }
}

export function deviceMapping({ launchedAt }: Instance, volumes: readonly Volume[]): Tree {
  return volumes.map(({ id, device, deleteOnTermination }) => ({
    deviceName: device,
    ebs: { volumeId: id, deleteOnTermination, status: 'attached', attachTime: new Date(launchedAt) },
  }))
}
