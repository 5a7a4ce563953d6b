import { createHash } from 'node:crypto'
import { parseCidr } from '../../core/address.ts'
import type { Cloud, GroupRule, SecurityGroup } from '../cloud.ts'
import { invalid, type Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** The rules of security groups on the wire: `IpPermissions` gathers the ranges and groups of one protocol and ports. */

const PROTOCOLS: Readonly<Record<string, string>> = { '6': 'tcp', '17': 'udp', '1': 'icmp', '58': 'icmpv6', all: '-1' }

export function readPermissions(cloud: Cloud, group: SecurityGroup, parameters: Parameters): GroupRule[] {
  return parameters.structures('IpPermissions').flatMap(permission => {
    const given = permission.required('IpProtocol')
    const service = { protocol: PROTOCOLS[given] ?? given, ...readPorts(PROTOCOLS[given] ?? given, permission) }
    return [
      ...permission.structures('IpRanges').map(one => ({ ...service, cidr: readRange(one, 'CidrIp') })),
      ...permission.structures('Ipv6Ranges').map(one => ({ ...service, cidr: readRange(one, 'CidrIpv6') })),
      ...permission.structures('Groups').map(one => ({ ...service, group: readGroup(cloud, group, one) })),
    ]
  })
}

function readPorts(protocol: string, permission: Parameters): { from: number; to: number } {
  if (protocol === '-1') return { from: 0, to: 65_535 }
  if (!['tcp', 'udp', 'icmp', 'icmpv6'].includes(protocol)) {
    if (!/^\d{1,3}$/.test(protocol) || Number(protocol) > 255) throw invalid('ipProtocol', protocol)
    return { from: -1, to: -1 }
  }
  const from = permission.whole('FromPort')
  const to = permission.whole('ToPort')
  if (from === undefined || to === undefined)
    throw new Refusal('InvalidParameterValue', `Invalid value 'Must specify both from and to ports with ${protocol}.'`)
  if (protocol.startsWith('icmp') ? from < -1 || from > 255 : from < 0 || to > 65_535 || from > to)
    throw invalid('portRange', `${from}-${to}`)
  return { from, to }
}

function readRange(holder: Parameters, name: 'CidrIp' | 'CidrIpv6'): string {
  const range = holder.required(name)
  if (!range.includes('/') || !parseCidr(range) || range.includes(':') !== (name === 'CidrIpv6'))
    throw new Refusal('InvalidParameterValue', `CIDR block ${range} is malformed`)
  return range
}

function readGroup({ groups }: Cloud, { vpc }: SecurityGroup, holder: Parameters): string {
  const id = holder.required('GroupId')
  if (groups.get(id)?.vpc !== vpc)
    throw new Refusal('InvalidGroup.NotFound', `The security group '${id}' does not exist`)
  return id
}

export function isSameRule(a: GroupRule, b: GroupRule): boolean {
  return ruleText(a) === ruleText(b)
}

function ruleText({ protocol, from, to, cidr, group }: GroupRule): string {
  const ports = protocol === '-1' ? '' : `${from}-${to}`
  return `${protocol} ${ports} ${cidr ?? ''} ${group ?? ''}`
}

/** Follows from what the rule says, since a group holds no rule twice. */
export function ruleId(group: string, egress: boolean, rule: GroupRule): string {
  const hash = createHash('sha256')
    .update(`${group} ${egress} ${ruleText(rule)}`)
    .digest('hex')
  return `sgr-0${hash.slice(0, 16)}`
}

function portTree({ protocol, from, to }: GroupRule): { [name: string]: Tree } {
  return protocol === '-1' ? {} : { fromPort: from, toPort: to }
}

export function permissionTree(cloud: Cloud, rules: readonly GroupRule[]): Tree {
  const gathered = Map.groupBy(rules, rule => JSON.stringify([rule.protocol, portTree(rule)]))
  return [...gathered.values()].map(([first, ...more]) => {
    const all = first ? [first, ...more] : []
    const ranges = all.flatMap(({ cidr }) => cidr ?? [])
    return {
      ipProtocol: first?.protocol,
      ...(first ? portTree(first) : {}),
      groups: all
        .flatMap(({ group }) => group ?? [])
        .map(groupId => ({ groupId, userId: cloud.account, vpcId: cloud.groups.get(groupId)?.vpc })),
      ipRanges: ranges.filter(range => !range.includes(':')).map(cidrIp => ({ cidrIp })),
      ipv6Ranges: ranges.filter(range => range.includes(':')).map(cidrIpv6 => ({ cidrIpv6 })),
      prefixListIds: [],
    }
  })
}

export function ruleTree(cloud: Cloud, { id, vpc }: SecurityGroup, egress: boolean, rule: GroupRule) {
  return {
    securityGroupRuleId: ruleId(id, egress, rule),
    groupId: id,
    groupOwnerId: cloud.account,
    isEgress: egress,
    ipProtocol: rule.protocol,
    ...(rule.protocol === '-1' ? { fromPort: -1, toPort: -1 } : portTree(rule)),
    cidrIpv4: rule.cidr?.includes(':') ? undefined : rule.cidr,
    cidrIpv6: rule.cidr?.includes(':') ? rule.cidr : undefined,
    referencedGroupInfo: rule.group && { groupId: rule.group, userId: cloud.account, vpcId: vpc },
    tagSet: [],
  }
}
