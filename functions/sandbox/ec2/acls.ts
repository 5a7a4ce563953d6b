import { parseCidr } from '../../core/address.ts'
import { type AclEntry, announce, type Cloud, type NetworkAcl } from '../cloud.ts'
import { filtered, paged } from './filters.ts'
import { ACL, find, named, newId, RETURN_TRUE, tagSet, VPC } from './lookup.ts'
import { invalid, type Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import { tagsFor } from './tags.ts'
import type { Tree } from './xml.ts'

/** Rules are numbered from 1; the last ones, shown as an asterisk, cannot be changed (CreateNetworkAclEntry). */
const MAX_NUMBER = 32_766

const PROTOCOLS: Readonly<Record<string, string>> = { tcp: '6', udp: '17', icmp: '1', all: '-1' }

export function describeNetworkAcls(cloud: Cloud, parameters: Parameters): Tree {
  const subnetsOf = ({ id }: NetworkAcl) => [...cloud.subnets.values()].filter(({ acl }) => acl === id)
  const { items, nextToken } = paged(
    filtered(named(cloud.acls, parameters.list('NetworkAclId'), ACL), parameters, {
      'network-acl-id': ({ id }) => [id],
      'vpc-id': ({ vpc }) => [vpc],
      'owner-id': ({ owner }) => [owner],
      default: one => [String(one.default)],
      'association.subnet-id': acl => subnetsOf(acl).map(({ id }) => id),
      'association.network-acl-id': ({ id }) => [id],
      'entry.cidr': ({ entries }) => entries.map(({ cidr }) => cidr),
      'entry.rule-number': ({ entries }) => entries.map(({ number }) => String(number)),
    }),
    parameters,
  )
  return {
    networkAclSet: items.map(acl => ({
      networkAclId: acl.id,
      vpcId: acl.vpc,
      ownerId: acl.owner,
      default: acl.default,
      entrySet: acl.entries.toSorted((a, b) => a.number - b.number).map(entryTree),
      associationSet: subnetsOf(acl).map(({ id }) => ({
        networkAclAssociationId: aclAssociationOf(id, acl.id),
        networkAclId: acl.id,
        subnetId: id,
      })),
      tagSet: tagSet(acl.tags),
    })),
    nextToken,
  }
}

/** A subnet has exactly one, which is another one once another ACL serves it. */
export function aclAssociationOf(subnet: string, acl: string): string {
  return `aclassoc-${subnet.replace(/^subnet-/, '')}-${acl.replace(/^acl-/, '')}`
}

/** Of nothing but the last rules, which let nothing pass (Amazon VPC User Guide, "Custom network ACLs"). */
export function createNetworkAcl(cloud: Cloud, parameters: Parameters): Tree {
  const vpc = find(cloud.vpcs, parameters.required('VpcId'), VPC)
  const tags = tagsFor('network-acl', parameters)
  parameters.permitted()
  const last = [true, false].flatMap(egress => [
    { number: 32_767, egress, allow: false, cidr: '0.0.0.0/0', protocol: '-1' },
    ...(vpc.ipv6Cidr === undefined ? [] : [{ number: 32_768, egress, allow: false, cidr: '::/0', protocol: '-1' }]),
  ])
  const acl: NetworkAcl = {
    id: newId('acl'),
    ...{ vpc: vpc.id, default: false, owner: cloud.account, entries: last, tags },
  }
  cloud.acls.set(acl.id, acl)
  announce(cloud, 'CreateNetworkAcl', acl.id)
  return { networkAcl: { networkAclId: acl.id, vpcId: acl.vpc, ownerId: acl.owner, default: false } }
}

export function deleteNetworkAcl(cloud: Cloud, parameters: Parameters): Tree {
  const acl = findOwn(cloud, parameters)
  if (acl.default) throw new Refusal('InvalidParameterValue', `Cannot delete default network ACL ${acl.id}`)
  if ([...cloud.subnets.values()].some(subnet => subnet.acl === acl.id))
    throw new Refusal('DependencyViolation', `The networkAcl '${acl.id}' has dependencies and cannot be deleted.`)
  cloud.acls.delete(acl.id)
  announce(cloud, 'DeleteNetworkAcl', acl.id)
  return RETURN_TRUE
}

export function replaceNetworkAclAssociation(cloud: Cloud, parameters: Parameters): Tree {
  const association = parameters.required('AssociationId')
  const acl = findOwn(cloud, parameters)
  const subnet = [...cloud.subnets.values()].find(one => aclAssociationOf(one.id, one.acl) === association)
  if (!subnet) throw new Refusal('InvalidAssociationID.NotFound', `The association ID '${association}' does not exist`)
  subnet.acl = acl.id
  announce(cloud, 'ReplaceNetworkAclAssociation', subnet.id)
  return { newAssociationId: aclAssociationOf(subnet.id, acl.id) }
}

function entryTree({ number, egress, allow, cidr, protocol, ports }: AclEntry): Tree {
  return {
    ruleNumber: number,
    protocol,
    ruleAction: allow ? 'allow' : 'deny',
    egress,
    ...(cidr.includes(':') ? { ipv6CidrBlock: cidr } : { cidrBlock: cidr }),
    portRange: ports && { from: ports.from, to: ports.to },
  }
}

export function createNetworkAclEntry(cloud: Cloud, parameters: Parameters): Tree {
  const acl = findOwn(cloud, parameters)
  const entry = readEntry(parameters)
  if (findEntry(acl, entry))
    throw new Refusal(
      'NetworkAclEntryAlreadyExists',
      `The network acl entry identified by ${entry.number} already exists.`,
    )
  // One quota over both families, the last ones that deny included (Amazon VPC quotas, "Rules per network ACL").
  if (acl.entries.filter(({ egress }) => egress === entry.egress).length >= cloud.quotas.aclEntriesPerDirection)
    throw new Refusal(
      'NetworkAclEntryLimitExceeded',
      `The maximum number of network acl entries for '${acl.id}' has been reached.`,
    )
  acl.entries.push(entry)
  announce(cloud, 'CreateNetworkAclEntry', acl.id)
  return RETURN_TRUE
}

export function replaceNetworkAclEntry(cloud: Cloud, parameters: Parameters): Tree {
  const acl = findOwn(cloud, parameters)
  const entry = readEntry(parameters)
  remove(acl, entry)
  acl.entries.push(entry)
  announce(cloud, 'ReplaceNetworkAclEntry', acl.id)
  return RETURN_TRUE
}

export function deleteNetworkAclEntry(cloud: Cloud, parameters: Parameters): Tree {
  const acl = findOwn(cloud, parameters)
  remove(acl, readPlace(parameters))
  announce(cloud, 'DeleteNetworkAclEntry', acl.id)
  return RETURN_TRUE
}

/** A participant of a shared VPC sees the owner's ACLs but may not change them (Amazon VPC User Guide, "Share your VPC"). */
function findOwn(cloud: Cloud, parameters: Parameters): NetworkAcl {
  const acl = find(cloud.acls, parameters.required('NetworkAclId'), ACL)
  if (acl.owner !== cloud.account)
    throw new Refusal('UnauthorizedOperation', 'You are not authorized to perform this operation.', 403)
  parameters.permitted()
  return acl
}

type Place = Pick<AclEntry, 'number' | 'egress'>

function findEntry({ entries }: NetworkAcl, { number, egress }: Place): AclEntry | undefined {
  return entries.find(one => one.number === number && one.egress === egress)
}

function remove(acl: NetworkAcl, place: Place): void {
  const entry = findEntry(acl, place)
  if (!entry)
    throw new Refusal(
      'InvalidNetworkAclEntry.NotFound',
      `The ${place.egress ? 'egress' : 'ingress'} network acl entry with rule number ${place.number} does not exist in '${acl.id}'`,
    )
  acl.entries.splice(acl.entries.indexOf(entry), 1)
}

function readPlace(parameters: Parameters): Place {
  const text = parameters.required('RuleNumber')
  const number = parameters.whole('RuleNumber') ?? 0
  if (number < 1 || number > MAX_NUMBER) throw invalid('ruleNumber', text)
  return { number, egress: parameters.required('Egress') === 'true' }
}

function readEntry(parameters: Parameters): AclEntry {
  const action = parameters.required('RuleAction')
  if (action !== 'allow' && action !== 'deny') throw invalid('ruleAction', action)
  const given = parameters.required('Protocol')
  const protocol = PROTOCOLS[given] ?? given
  if (protocol !== '-1' && !(/^\d{1,3}$/.test(protocol) && Number(protocol) < 256)) throw invalid('protocol', given)
  const ports = readPorts(protocol, parameters)
  return {
    ...readPlace(parameters),
    allow: action === 'allow',
    cidr: readRange(parameters),
    protocol,
    ...(ports ? { ports } : {}),
  }
}

function readPorts(protocol: string, parameters: Parameters): AclEntry['ports'] {
  if (protocol !== '6' && protocol !== '17') return undefined
  const range = parameters.structure('PortRange')
  const from = range?.whole('From')
  const to = range?.whole('To')
  if (from === undefined || to === undefined)
    throw new Refusal('MissingParameter', 'The request must contain the parameter PortRange for protocols 6 and 17')
  if (from < 0 || to > 65_535 || from > to) throw invalid('portRange', `${from}-${to}`)
  return { from, to }
}

function readRange(parameters: Parameters): string {
  const [range, ...more] = [parameters.text('CidrBlock'), parameters.text('Ipv6CidrBlock')].filter(
    text => text !== undefined,
  )
  if (range === undefined || more.length > 0)
    throw new Refusal('InvalidParameterCombination', 'Exactly one of CidrBlock and Ipv6CidrBlock must be specified')
  const isIpv6 = parameters.text('Ipv6CidrBlock') !== undefined
  if (!range.includes('/') || !parseCidr(range) || range.includes(':') !== isIpv6)
    throw new Refusal(
      'InvalidParameterValue',
      `Value (${range}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    )
  return range
}
