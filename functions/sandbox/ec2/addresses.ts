import { announce, type Cloud, type ElasticAddress, type NetworkInterface } from '../cloud.ts'
import { filtered } from './filters.ts'
import { find, INTERFACE, newId, RETURN_TRUE } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

export interface PublicAddress {
  address: string
  elastic?: ElasticAddress
}

/** The public IPv4 address of an interface; an elastic one takes the place of the one that EC2 assigned. */
export function publicAddressOf({ addresses }: Cloud, { id, assigned }: NetworkInterface): PublicAddress | undefined {
  for (const elastic of addresses.values()) if (elastic.interface === id) return { address: elastic.address, elastic }
  return assigned === undefined ? undefined : { address: assigned }
}

/** The pool from which EC2 assigns addresses that are not elastic, of RFC 5737. */
export function assignAddress({ interfaces, addresses }: Cloud): string {
  const taken = new Set([
    ...[...interfaces.values()].map(({ assigned }) => assigned),
    ...[...addresses.values()].map(({ address }) => address),
  ])
  for (let host = 254; host > 127; host--) if (!taken.has(`192.0.2.${host}`)) return `192.0.2.${host}`
  throw new Refusal('InsufficientAddressCapacity', 'Not enough available addresses to satisfy your request.', 500)
}

export function describeAddresses(cloud: Cloud, parameters: Parameters): Tree {
  const ids = parameters.list('AllocationId')
  const addresses = parameters.list('PublicIp')
  const chosen = [
    ...ids.map(id => findAllocation(cloud, id)),
    ...addresses.map(address => findByAddress(cloud, address)),
  ]
  const all = ids.length + addresses.length > 0 ? chosen : [...cloud.addresses.values()]
  const found = filtered(
    all.map(one => ({ ...one, held: cloud.interfaces.get(one.interface ?? ''), tags: {} })),
    parameters,
    {
      'allocation-id': ({ allocation }) => [allocation],
      'association-id': ({ association }) => [association],
      'instance-id': ({ held }) => [held?.instance],
      'network-interface-id': one => [one.interface],
      'public-ip': ({ address }) => [address],
      'private-ip-address': ({ held }) => [held?.address],
    },
  )
  return {
    addressesSet: found.map(({ allocation, address, association, interface: holder, held }) => ({
      publicIp: address,
      allocationId: allocation,
      domain: 'vpc',
      associationId: association,
      instanceId: held?.instance,
      networkInterfaceId: holder,
      networkInterfaceOwnerId: holder === undefined ? undefined : cloud.account,
      privateIpAddress: held?.address,
    })),
  }
}

export function associateAddress(cloud: Cloud, parameters: Parameters): Tree {
  const allocation = findAllocation(cloud, parameters.required('AllocationId'))
  const holder = findHolder(cloud, parameters)
  const inside = parameters.text('PrivateIpAddress')
  if (inside !== undefined && inside !== holder.address)
    throw new Refusal('InvalidParameterValue', `Invalid value '${inside}' for PrivateIpAddress`)
  parameters.permitted()
  // In a VPC an address moves unless that is forbidden (AssociateAddress, AllowReassociation).
  if (allocation.interface && allocation.interface !== holder.id && parameters.flag('AllowReassociation') === false)
    throw new Refusal(
      'Resource.AlreadyAssociated',
      `resource ${allocation.allocation} is already associated with associate-id ${allocation.association}`,
    )
  const before = publicAddressOf(cloud, holder)?.elastic
  if (before && before !== allocation) release(before)
  delete holder.assigned
  allocation.interface = holder.id
  allocation.association = newId('eipassoc')
  announce(cloud, 'AssociateAddress', holder.id)
  return { return: true, associationId: allocation.association }
}

export function disassociateAddress(cloud: Cloud, parameters: Parameters): Tree {
  const association = parameters.required('AssociationId')
  const allocation = [...cloud.addresses.values()].find(one => one.association === association)
  if (!allocation)
    throw new Refusal('InvalidAssociationID.NotFound', `The association ID '${association}' does not exist`)
  parameters.permitted()
  const holder = allocation.interface ?? ''
  release(allocation)
  announce(cloud, 'DisassociateAddress', holder)
  return RETURN_TRUE
}

export function release(allocation: ElasticAddress): void {
  delete allocation.interface
  delete allocation.association
}

function findAllocation({ addresses }: Cloud, id: string): ElasticAddress {
  const found = addresses.get(id)
  if (!found) throw new Refusal('InvalidAllocationID.NotFound', `The allocation ID '${id}' does not exist`)
  return found
}

function findByAddress({ addresses }: Cloud, address: string): ElasticAddress {
  const found = [...addresses.values()].find(one => one.address === address)
  if (!found) throw new Refusal('InvalidAddress.NotFound', `Address '${address}' not found.`)
  return found
}

function findHolder(cloud: Cloud, parameters: Parameters): NetworkInterface {
  const instance = parameters.text('InstanceId')
  if (instance === undefined) return find(cloud.interfaces, parameters.required('NetworkInterfaceId'), INTERFACE)
  const primary = [...cloud.interfaces.values()].find(one => one.instance === instance && one.deviceIndex === 0)
  if (!primary) throw new Refusal('InvalidInstanceID.NotFound', `The instance ID '${instance}' does not exist`)
  return primary
}
