import type { Bucket } from './s3/objects.ts'

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
  /** Another account's, when it is shared with this one. */
  owner?: string
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
  /** A public IPv4 address that EC2 assigned; an elastic one stands in `addresses`. */
  assigned?: string
  /**
   * Its subnet's way out is network address translation (and an egress-only gateway for IPv6): connections open from
   * inside only, and are always tracked. Otherwise an internet gateway, through which IPv4 needs a public address.
   */
  nat?: boolean
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
  /** Default: `gp3`. */
  type?: string
  size: number
  instance?: string
  device?: string
  deleteOnTermination: boolean
  /** What it is encrypted with: `default` for the account's own key (aws/ebs), else a key's ARN. Absent: not at all. */
  key?: string
  tags: Record<string, string>
}

export interface Snapshot {
  id: string
  volume: string
  state: 'pending' | 'completed' | 'error'
  /** Virtual milliseconds. */
  startedAt: number
  completesAt: number
  description: string
  /** As its volume's. */
  key?: string
  /** In governance mode; `at` in virtual milliseconds. */
  lock?: { days: number; at: number }
  /** Accounts that may make volumes of it. */
  sharedWith?: string[]
  tags: Record<string, string>
}

/** As ModifyInstanceMetadataOptions words them. */
export interface MetadataOptions {
  endpoint: 'enabled' | 'disabled'
  tokens: 'optional' | 'required'
  hopLimit: number
  ipv6: 'enabled' | 'disabled'
  tags: 'enabled' | 'disabled'
}

export interface Instance {
  id: string
  state: 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated'
  /** Virtual milliseconds at which a state that passes becomes the next one. */
  settlesAt?: number
  type: string
  launchedAt: number
  spot: boolean
  /** Of which its instance profile is. */
  role?: string
  terminationProtection: boolean
  stopProtection: boolean
  shutdown: 'stop' | 'terminate'
  metadata: MetadataOptions
  /** What its console shows. Absent: an ordinary boot. */
  console?: string
  tags: Record<string, string>
}

/** A role of IAM; the instance profile of the same name holds it. */
export interface Role {
  name: string
  /** Begins and ends with `/`. */
  path: string
  /** Inline policies: name → document. */
  policies: Map<string, string>
}

/** Whose credentials an access key is. */
interface Session {
  instance: string
  role: string
}

/** Of the DNS firewall; `request` is the id that its maker gave it. */
export interface RuleGroup {
  id: string
  name: string
  request: string
  rules: { list: string; priority: number; action: string; request?: string }[]
}

interface DomainList {
  id: string
  name: string
  request: string
  /** With their final dots. */
  domains: string[]
}

export interface FirewallAssociation {
  id: string
  name: string
  request: string
  group: string
  vpc: string
  priority: number
  /** Told to go; it is gone after it was seen once more. */
  going?: boolean
}

/** The DNS firewall before the resolvers of an account's networks. */
export interface DnsFirewall {
  groups: Map<string, RuleGroup>
  lists: Map<string, DomainList>
  associations: Map<string, FirewallAssociation>
}

/** An interface endpoint of PrivateLink. */
interface VpcEndpoint {
  id: string
  vpc: string
  service: string
  interfaces: string[]
}

interface Peering {
  id: string
  requester: string
  accepter: string
}

export interface GroupMember {
  /** As LifecycleState words them (Amazon EC2 Auto Scaling API Reference, "AutoScalingInstanceDetails"). */
  lifecycle: 'Pending' | 'InService' | 'EnteringStandby' | 'Standby' | 'Detaching' | 'Terminating'
  /** Virtual milliseconds at which a state that passes becomes the next one. */
  settlesAt?: number
  /** Since when its health checks fail, in virtual milliseconds. */
  failingSince?: number
  protectedFromScaleIn: boolean
}

export interface AutoScalingGroup {
  name: string
  min: number
  max: number
  desired: number
  /** `ELB`: an instance that nothing can reach is unhealthy, too. */
  healthCheck: 'EC2' | 'ELB'
  /** Virtual milliseconds for which checks must fail. */
  unhealthyAfter: number
  /** Of the instances that it launches. */
  template: { subnet: string; groups: string[]; type: string; role?: string; tags: Record<string, string> }
  members: Map<string, GroupMember>
  /** ARNs of the target groups and names of the classic load balancers in which it registers its members. */
  targetGroups: string[]
  balancers: string[]
  /** An instance refresh under way, and what becomes of instances in standby. */
  refresh?: { id: string; standby: 'Terminate' | 'Ignore' | 'Wait' }
}

/** Registered by an instance's id or by an address. */
export interface Target {
  id: string
  port: number
  zone?: string
  /** Virtual milliseconds at which one that is deregistered is forgotten. */
  drainsUntil?: number
}

export interface TargetGroup {
  arn: string
  name: string
  type: 'instance' | 'ip' | 'lambda' | 'alb'
  vpc: string
  port: number
  targets: Target[]
}

export interface ClassicBalancer {
  name: string
  vpc: string
  instances: string[]
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
  endpoints?: Map<string, VpcEndpoint>
  firewall?: DnsFirewall
  roles?: Map<string, Role>
  /** Access key → session. */
  sessions?: Map<string, Session>
  peerings?: Map<string, Peering>
  autoscaling?: Map<string, AutoScalingGroup>
  /** By ARN. */
  targetGroups?: Map<string, TargetGroup>
  /** Classic load balancers by name. */
  balancers?: Map<string, ClassicBalancer>
  /** Of S3, by name. */
  buckets?: Map<string, Bucket>
  quotas: { aclEntriesPerDirection: number; pendingSnapshotsPerVolume: number }
  /** Called after every change that the network may feel, in virtual time. */
  changed: ((what: { action: string; target: string }) => void)[]
}

/** Whoever changes the state says so: the network and the tracker keep indexes over it. */
export function announce({ changed }: Cloud, action: string, target: string): void {
  for (const listener of changed) listener({ action, target })
}
