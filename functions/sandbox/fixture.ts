import { GROUP_TAG } from './autoscaling/tick.ts'
import type { AutoScalingGroup, Cloud, GroupRule, NetworkAcl } from './cloud.ts'
import { defaultMetadata } from './ec2/metadata-options.ts'

/** A small account for tests: one VPC with two subnets, each with an ACL of its own, and whatever is put into it. */

export const EVERYWHERE: GroupRule[] = ['0.0.0.0/0', '::/0'].map(cidr => ({
  protocol: '-1',
  from: 0,
  to: 65_535,
  cidr,
}))

export function emptyCloud(): Cloud {
  const cloud: Cloud = {
    account: '123456789012',
    region: 'eu-central-1',
    vpcs: new Map(),
    subnets: new Map(),
    acls: new Map(),
    groups: new Map(),
    interfaces: new Map(),
    instances: new Map(),
    volumes: new Map(),
    snapshots: new Map(),
    addresses: new Map(),
    endpoints: new Map(),
    peerings: new Map(),
    quotas: { aclEntriesPerDirection: 20, pendingSnapshotsPerVolume: 5 },
    changed: [],
  }
  cloud.vpcs.set('vpc-1', { id: 'vpc-1', cidr: '10.0.0.0/16', ipv6Cidr: '2001:db8:0:100::/56', tags: {} })
  for (const [index, subnet] of ['subnet-a', 'subnet-b'].entries()) {
    const acl = `acl-${subnet.at(-1)}`
    cloud.acls.set(acl, defaultAcl(acl, 'vpc-1', index === 0))
    cloud.subnets.set(subnet, {
      id: subnet,
      vpc: 'vpc-1',
      cidr: `10.0.${index + 1}.0/24`,
      ipv6Cidr: `2001:db8:0:10${index + 1}::/64`,
      acl,
      tags: {},
    })
  }
  addGroup(cloud, 'sg-agents', [{ protocol: 'tcp', from: 22, to: 22, cidr: '10.0.0.0/16' }], EVERYWHERE)
  addGroup(cloud, 'sg-quarantine', [], [])
  addGroup(cloud, 'sg-open', EVERYWHERE, EVERYWHERE)
  return cloud
}

function defaultAcl(id: string, vpc: string, isDefault: boolean): NetworkAcl {
  const entries = [true, false].flatMap(egress => [
    { number: 100, egress, allow: true, cidr: '0.0.0.0/0', protocol: '-1' },
    { number: 101, egress, allow: true, cidr: '::/0', protocol: '-1' },
    { number: 32_767, egress, allow: false, cidr: '0.0.0.0/0', protocol: '-1' },
    { number: 32_768, egress, allow: false, cidr: '::/0', protocol: '-1' },
  ])
  return { id, vpc, default: isDefault, owner: '123456789012', entries, tags: {} }
}

export function addGroup(cloud: Cloud, id: string, ingress: GroupRule[], egress: GroupRule[], vpc = 'vpc-1'): void {
  cloud.groups.set(id, { id, name: id.slice(3), description: id, vpc, ingress, egress, tags: {} })
}

/** Puts running instances of the account into an autoscaling group of just that size, which checks as its load balancers do. */
export function addAutoScalingGroup(
  cloud: Cloud,
  name: string,
  members: readonly string[],
  more: Partial<AutoScalingGroup> = {},
): AutoScalingGroup {
  const held = [...cloud.interfaces.values()].find(one => one.instance === members[0])
  const group: AutoScalingGroup = {
    name,
    min: members.length,
    max: members.length + 1,
    desired: members.length,
    healthCheck: 'ELB',
    // Two checks that are 30 s apart are a load balancer's default.
    unhealthyAfter: 60_000,
    template: { subnet: held?.subnet ?? '', groups: [...(held?.groups ?? [])], type: 'm7i.large', tags: {} },
    members: new Map(members.map(id => [id, { lifecycle: 'InService', protectedFromScaleIn: false }])),
    targetGroups: [],
    balancers: [],
    ...more,
  }
  for (const id of members) Object.assign(cloud.instances.get(id)?.tags ?? {}, { [GROUP_TAG]: name })
  cloud.autoscaling ??= new Map()
  cloud.autoscaling.set(name, group)
  return group
}

interface Placed {
  name: string
  subnet?: string
  /** Last part of the addresses. */
  host: number
  groups?: string[]
  nat?: boolean
  publicAddress?: string
  assigned?: string
  spot?: boolean
  volumes?: number
  tags?: Record<string, string>
}

/** Adds `i-NAME` with the interface `eni-NAME`, its volumes `vol-NAME-N` and, where asked for, `eipalloc-NAME`. */
export function addInstance(cloud: Cloud, placed: Placed): void {
  const { name, nat = false, publicAddress, volumes = 1, spot = false, tags = {} } = placed
  const instance = `i-${name}`
  cloud.instances.set(instance, {
    id: instance,
    state: 'running',
    type: 'g6.xlarge',
    launchedAt: Date.UTC(2026, 0, 1),
    spot,
    terminationProtection: false,
    stopProtection: false,
    shutdown: 'terminate',
    metadata: defaultMetadata(),
    tags,
  })
  addInterface(cloud, { ...placed, nat }, instance, 0)
  if (publicAddress !== undefined)
    cloud.addresses.set(`eipalloc-${name}`, {
      allocation: `eipalloc-${name}`,
      address: publicAddress,
      association: `eipassoc-${name}`,
      interface: `eni-${name}`,
    })
  for (let disk = 0; disk < volumes; disk++)
    cloud.volumes.set(`vol-${name}-${disk}`, {
      id: `vol-${name}-${disk}`,
      size: 100,
      instance,
      device: `/dev/xvd${String.fromCharCode(97 + disk)}`,
      deleteOnTermination: disk === 0,
      tags: {},
    })
}

export function addInterface(cloud: Cloud, placed: Placed, instance: string | undefined, deviceIndex: number): void {
  const { name, subnet = 'subnet-a', host, groups = ['sg-agents'], nat = false, assigned } = placed
  const { cidr, ipv6Cidr, vpc } = cloud.subnets.get(subnet) ?? { cidr: '', ipv6Cidr: '', vpc: '' }
  cloud.interfaces.set(`eni-${name}`, {
    id: `eni-${name}`,
    subnet,
    vpc,
    ...(instance === undefined ? {} : { instance, attachment: `eni-attach-${name}` }),
    deviceIndex,
    deleteOnTermination: deviceIndex === 0,
    groups,
    address: cidr.replace('.0/24', `.${host}`),
    ipv6: [(ipv6Cidr ?? '').replace('::/64', `::${host.toString(16)}`)],
    ...(assigned === undefined ? {} : { assigned }),
    nat,
    tags: {},
  })
}
