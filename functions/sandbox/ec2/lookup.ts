import { randomBytes } from 'node:crypto'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** How EC2 names a kind of resource in its refusals. */
export interface Kind {
  prefix: string
  noun: string
  missing: string
  malformed: string
}

export const INSTANCE: Kind = kind('i', 'instance ID', 'InvalidInstanceID.NotFound', 'InvalidInstanceID.Malformed')
export const INTERFACE: Kind = kind(
  'eni',
  'networkInterface ID',
  'InvalidNetworkInterfaceID.NotFound',
  'InvalidNetworkInterfaceId.Malformed',
)
export const ACL: Kind = kind('acl', 'networkAcl ID', 'InvalidNetworkAclID.NotFound', 'InvalidNetworkAclId.Malformed')
export const GROUP: Kind = kind('sg', 'security group', 'InvalidGroup.NotFound', 'InvalidGroupId.Malformed')
export const VPC: Kind = kind('vpc', 'vpc ID', 'InvalidVpcID.NotFound', 'InvalidVpcId.Malformed')
export const SUBNET: Kind = kind('subnet', 'subnet ID', 'InvalidSubnetID.NotFound', 'InvalidSubnetId.Malformed')
export const VOLUME: Kind = kind('vol', 'volume', 'InvalidVolume.NotFound', 'InvalidParameterValue')
export const SNAPSHOT: Kind = kind('snap', 'snapshot', 'InvalidSnapshot.NotFound', 'InvalidParameterValue')

function kind(prefix: string, noun: string, missing: string, malformed: string): Kind {
  return { prefix, noun, missing, malformed }
}

export function find<T>(things: ReadonlyMap<string, T>, id: string, { prefix, noun, missing, malformed }: Kind): T {
  if (!id.startsWith(`${prefix}-`)) throw new Refusal(malformed, `Invalid id: "${id}" (expecting "${prefix}-...")`)
  const found = things.get(id)
  if (!found) throw new Refusal(missing, `The ${noun} '${id}' does not exist`)
  return found
}

/** Those that are named, or all where none is. */
export function named<T>(things: ReadonlyMap<string, T>, ids: readonly string[], kindOf: Kind): T[] {
  return ids.length === 0 ? [...things.values()] : ids.map(id => find(things, id, kindOf))
}

export function newId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`
}

export function tagSet(tags: Readonly<Record<string, string>>): Tree {
  return Object.entries(tags).map(([key, value]) => ({ key, value }))
}

export const RETURN_TRUE: Tree = { return: true }
