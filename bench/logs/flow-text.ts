import { ACCOUNT, instanceOf, interfaceOf, type Sighting, VPC } from './fleet.ts'

/** Flow logs as text (Amazon VPC User Guide, "Flow log records"), one line a sighting. */

export const V2 =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'
/** What an operator asks for who wants to know who opened a connection and which way it went. */
export const V5 = `${V2} vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id flow-direction traffic-path`

const TCP = 6
const SYN = 2
const SYN_ACK = 18
const FIN = 1

export const v2 = (seen: Sighting): string => core(2, seen)

export function v5(seen: Sighting): string {
  const { source, destination } = endsOf(seen)
  const place = `${VPC} subnet-0a1b2c3d4e5f60718 ${instanceOf(seen.instance)}`
  // 8: through an internet gateway. Only what leaves has a path.
  const way = seen.sent ? `egress ${seen.peer.startsWith('10.') ? '1' : '8'}` : 'ingress -'
  return `${core(5, seen)} ${place} ${flagsOf(seen)} IPv4 ${source} ${destination} us-east-1 use1-az1 ${way}`
}

export function endsOf({ own, peer, ownPort, peerPort, sent }: Sighting) {
  return sent
    ? { source: own, destination: peer, sourcePort: ownPort, destinationPort: peerPort }
    : { source: peer, destination: own, sourcePort: peerPort, destinationPort: ownPort }
}

/** The OR over the minute; a record of packets without any of these has 0 (same guide, `tcp-flags`). */
export function flagsOf({ protocol, opened, closed, sent, outbound }: Sighting): number {
  if (protocol !== TCP) return 0
  const client = sent === outbound
  return (opened ? (client ? SYN : SYN_ACK) : 0) | (closed ? FIN : 0)
}

function core(version: number, seen: Sighting): string {
  const { source, destination, sourcePort, destinationPort } = endsOf(seen)
  const ends = `${source} ${destination} ${sourcePort} ${destinationPort} ${seen.protocol}`
  const counts = `${seen.packets} ${seen.bytes} ${seen.start} ${seen.end}`
  return `${version} ${ACCOUNT} ${interfaceOf(seen.instance)} ${ends} ${counts} ACCEPT OK`
}
