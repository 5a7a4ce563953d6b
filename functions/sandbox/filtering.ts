import { type Cidr, contains, parseCidr } from '../core/address.ts'
import { ICMP, TCP, UDP } from '../core/flow.ts'
import type { AclEntry, Cloud, GroupRule } from './cloud.ts'

/** How rules of groups and ACLs match one packet. `remote` is the far end as seen from the interface or the subnet. */
export interface Packet {
  protocol: number
  remote: string
  /** The destination's port, whichever end that is: groups and ACLs match that one. */
  port: number
  /** Groups of the far end's interface, where it is one inside. */
  remoteGroups: readonly string[]
}

const ICMP_V6 = 58

/** IANA numbers of the names that the EC2 API knows (CreateNetworkAclEntry, IpPermission). */
const protocolNumbers: Readonly<Record<string, number>> = { tcp: TCP, udp: UDP, icmp: ICMP, icmpv6: ICMP_V6 }

const ranges = new Map<string, Cidr>()

function parse(text: string): Cidr {
  let range = ranges.get(text)
  if (!range) {
    range = parseCidr(text)
    if (!range) throw new RangeError(`Cannot match addresses: ${JSON.stringify(text)} is no range`)
    ranges.set(text, range)
  }
  return range
}

export function isWithin(range: string, address: string): boolean {
  const { family, prefix } = parse(range)
  return prefix === 0 ? (family === 6) === address.includes(':') : contains(parse(range), address)
}

function isProtocol(rule: string, protocol: number): boolean {
  return rule === '-1' || (protocolNumbers[rule] ?? Number(rule)) === protocol
}

function hasPorts(protocol: number): boolean {
  return protocol === TCP || protocol === UDP
}

export function rulesOf(cloud: Cloud, groups: readonly string[], direction: 'ingress' | 'egress'): GroupRule[] {
  return groups.flatMap(id => cloud.groups.get(id)?.[direction] ?? [])
}

export function isAdmitted(rules: readonly GroupRule[], packet: Packet): boolean {
  return rules.some(rule => admits(rule, packet))
}

function admits({ protocol, from, to, cidr, group }: GroupRule, packet: Packet): boolean {
  if (!isProtocol(protocol, packet.protocol)) return false
  // ICMP carries type and code where others carry ports; the network sends echoes only.
  if (protocol !== '-1' && hasPorts(packet.protocol) && !isBetween(from, to, packet.port)) return false
  if (cidr !== undefined) return isWithin(cidr, packet.remote)
  return group !== undefined && packet.remoteGroups.includes(group)
}

function isBetween(from: number, to: number, port: number): boolean {
  return from === -1 || (port >= from && port <= to)
}

/**
 * Whether a TCP or UDP flow goes untracked: the rule that admits it is for all addresses, and the other direction admits
 * all addresses on all ports. ICMP is always tracked (EC2 User Guide, "Security group connection tracking").
 */
export function isUntracked(opening: readonly GroupRule[], replies: readonly GroupRule[], packet: Packet): boolean {
  if (!hasPorts(packet.protocol)) return false
  const everywhere = packet.remote.includes(':') ? '::/0' : '0.0.0.0/0'
  return (
    opening.some(rule => rule.cidr === everywhere && admits(rule, packet)) &&
    replies.some(
      ({ cidr, protocol, from, to }) =>
        cidr === everywhere &&
        isProtocol(protocol, packet.protocol) &&
        (protocol === '-1' || (from <= 0 && (to >= 65_535 || to === -1))),
    )
  )
}

/** By rule number, the first that matches decides; none denies (VPC User Guide, "Network ACL rules"). */
export function isAllowed(entries: readonly AclEntry[], egress: boolean, packet: Packet): boolean {
  let decisive: AclEntry | undefined
  for (const entry of entries) {
    if (entry.egress !== egress || (decisive && decisive.number <= entry.number)) continue
    if (matches(entry, packet)) decisive = entry
  }
  return decisive?.allow ?? false
}

function matches({ cidr, protocol, ports }: AclEntry, packet: Packet): boolean {
  if (!isProtocol(protocol, packet.protocol)) return false
  if (ports && hasPorts(packet.protocol) && !isBetween(ports.from, ports.to, packet.port)) return false
  return isWithin(cidr, packet.remote)
}
