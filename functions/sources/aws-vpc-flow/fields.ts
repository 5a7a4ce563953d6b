/**
 * The fields of VPC and transit gateway flow logs, versions 2 to 11 (Amazon VPC User Guide, "Flow log records"; Amazon VPC
 * Transit Gateways, "Transit Gateway Flow Log records"), and which of them are read.
 */

/** How the decoder reads a column. Addresses and numbers are ranges, so that one comparison tells them. */
export const SKIP = 0
export const VERSION = 1
export const ACCOUNT = 2
export const INTERFACE = 3
export const GATEWAY = 4
export const ACTION = 5
export const STATUS = 6
export const DIRECTION = 7
export const SOURCE = 8
export const DESTINATION = 9
export const PACKET_SOURCE = 10
export const PACKET_DESTINATION = 11
/** From here on columns are numbers. */
export const FIRST_NUMBER = 12
export const SOURCE_PORT = 12
export const DESTINATION_PORT = 13
export const PROTOCOL = 14
export const PACKETS = 15
export const BYTES = 16
export const START = 17
export const END = 18
export const FLAGS = 19
/** Stands after the last column, so that a field too many is met as a column. */
export const PAST = 20

const read: Readonly<Record<string, number>> = {
  version: VERSION,
  'account-id': ACCOUNT,
  'interface-id': INTERFACE,
  srcaddr: SOURCE,
  dstaddr: DESTINATION,
  srcport: SOURCE_PORT,
  dstport: DESTINATION_PORT,
  protocol: PROTOCOL,
  packets: PACKETS,
  bytes: BYTES,
  start: START,
  end: END,
  action: ACTION,
  'log-status': STATUS,
  'tcp-flags': FLAGS,
  'pkt-srcaddr': PACKET_SOURCE,
  'pkt-dstaddr': PACKET_DESTINATION,
  'flow-direction': DIRECTION,
  'tgw-id': GATEWAY,
}

const skipped = [
  // Version 3
  ...['vpc-id', 'subnet-id', 'instance-id', 'type'],
  // Version 4
  ...['region', 'az-id', 'sublocation-type', 'sublocation-id'],
  // Version 5
  ...['pkt-src-aws-service', 'pkt-dst-aws-service', 'traffic-path'],
  // Version 6, of transit gateways
  ...['resource-type', 'tgw-attachment-id', 'tgw-pair-attachment-id'],
  ...['tgw-src-vpc-account-id', 'tgw-dst-vpc-account-id', 'tgw-src-vpc-id', 'tgw-dst-vpc-id'],
  ...['tgw-src-subnet-id', 'tgw-dst-subnet-id', 'tgw-src-eni', 'tgw-dst-eni', 'tgw-src-az-id', 'tgw-dst-az-id'],
  ...['packets-lost-no-route', 'packets-lost-blackhole', 'packets-lost-mtu-exceeded', 'packets-lost-ttl-expired'],
  // Version 7
  ...['ecs-cluster-arn', 'ecs-cluster-name', 'ecs-container-instance-arn', 'ecs-container-instance-id'],
  ...['ecs-container-id', 'ecs-second-container-id', 'ecs-service-name', 'ecs-task-definition-arn'],
  ...['ecs-task-arn', 'ecs-task-id'],
  // Versions 8, 9 and 10
  ...['reject-reason', 'resource-id', 'encryption-status'],
  // Version 11
  ...['instance-tag', 'instance-tag-2', 'interface-tag', 'interface-tag-2', 'asg-tag', 'asg-tag-2'],
  ...['interface-type', 'next-hop-interface-id', 'next-hop-subnet-id', 'next-hop-az-id', 'next-hop-vpc-id'],
  ...['next-hop-interface-type'],
]

const columns = new Map<string, number>([
  ...Object.entries(read),
  ...skipped.map((name): [string, number] => [name, SKIP]),
])

/** How a field is read, or `undefined` for a name that no version has. */
export const columnOf = (name: string): number | undefined => columns.get(name)

/** Version 2 in its fixed order. */
export const DEFAULT_FORMAT =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'
