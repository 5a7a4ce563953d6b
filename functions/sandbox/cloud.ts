/**
 * The state of the sandbox cloud: what the EC2 server reads and changes and what the network obeys. Plain data; the
 * servers under ec2/ and the network under network/ hold all behaviour.
 */

export interface GroupRule {
  /** `-1` for all, else `tcp`, `udp`, `icmp` or a number. */
  protocol: string
  from: number
  to: number
  /** IPv4 or IPv6 range; or a group whose members it admits. */
  cidr?: string
  group?: string
}

export interface SecurityGroup {
  id: string
  name: string
  description: string
  vpc: string
  ingress: GroupRule[]
  egress: GroupRule[]
  tags: Record<string, string>
}

export interface AclEntry {
  number: number
  egress: boolean
  allow: boolean
  cidr: string
  protocol: string
  ports?: { from: number; to: number }
}

export interface NetworkAcl {
  id: string
  vpc: string
  default: boolean
  /** Another account's, in a shared VPC: it can be seen but not changed. */
  owner: string
  entries: AclEntry[]
  tags: Record<string, string>
}

export interface Vpc {
  id: string
  cidr: string
  ipv6Cidr?: string
  tags: Record<string, string>
}

export interface Subnet {
  id: string
  vpc: string
  cidr: string
  ipv6Cidr?: string
  acl: string
  tags: Record<string, string>
}

export interface NetworkInterface {
  id: string
  subnet: string
  vpc: string
  instance?: string
  attachment?: string
  deviceIndex: number
  deleteOnTermination: boolean
  groups: string[]
  address: string
  ipv6: string[]
  tags: Record<string, string>
}

export interface ElasticAddress {
  allocation: string
  address: string
  association?: string
  interface?: string
}

export interface Volume {
  id: string
  size: number
  instance?: string
  device?: string
  deleteOnTermination: boolean
  tags: Record<string, string>
}

export interface Snapshot {
  id: string
  volume: string
  state: 'pending' | 'completed' | 'error'
  /** Virtual milliseconds. */
  startedAt: number
  description: string
  tags: Record<string, string>
}

export interface Instance {
  id: string
  state: 'pending' | 'running' | 'stopping' | 'stopped' | 'terminated'
  type: string
  launchedAt: number
  spot: boolean
  role?: string
  terminationProtection: boolean
  stopProtection: boolean
  shutdown: 'stop' | 'terminate'
  tags: Record<string, string>
}

export interface Cloud {
  account: string
  region: string
  vpcs: Map<string, Vpc>
  subnets: Map<string, Subnet>
  acls: Map<string, NetworkAcl>
  groups: Map<string, SecurityGroup>
  interfaces: Map<string, NetworkInterface>
  instances: Map<string, Instance>
  volumes: Map<string, Volume>
  snapshots: Map<string, Snapshot>
  addresses: Map<string, ElasticAddress>
  quotas: { aclEntriesPerDirection: number; pendingSnapshotsPerVolume: number }
  /** Called after every change that the network may feel, in virtual time. */
  changed: ((what: { action: string; target: string }) => void)[]
}
