import type { Cloud, NetworkAcl, Subnet, Vpc } from '../cloud.ts'
import { defaultMetadata } from '../ec2/metadata-options.ts'
import { hostsOf } from './addresses.ts'
import { createRandom, type Random } from './random.ts'
import { type InstanceSpec, memberNames, type Scenario } from './scenario.ts'

const ACCOUNT = '123456789012'
const REGION = 'eu-central-1'

/** What the credentials of instances are for: whatever may be done with them after a cut is harm. */
const WORK = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['ec2:Describe*', 's3:*'], Resource: '*' }],
})

/** An instance of the scenario: its name there, its ids in the cloud, primary interface first. */
export interface Member {
  readonly name: string
  readonly instance: string
  readonly interfaces: readonly string[]
  readonly spec: InstanceSpec
}

export interface Built {
  readonly cloud: Cloud
  readonly members: readonly Member[]
  /** The scenario's name of a network or subnet to its id. */
  readonly networks: ReadonlyMap<string, string>
  readonly subnets: ReadonlyMap<string, string>
}

/** The cloud as it stands when the history begins. The same scenario gives the same ids and addresses. */
export function buildCloud(scenario: Scenario): Built {
  const random = createRandom(`${scenario.seed}/cloud`)
  const cloud: Cloud = {
    account: ACCOUNT,
    region: REGION,
    vpcs: new Map(),
    subnets: new Map(),
    acls: new Map(),
    groups: new Map(),
    interfaces: new Map(),
    instances: new Map(),
    volumes: new Map(),
    snapshots: new Map(),
    addresses: new Map(),
    roles: new Map(),
    sessions: new Map(),
    // The default quotas of Amazon VPC and Amazon EBS.
    quotas: { aclEntriesPerDirection: 20, pendingSnapshotsPerVolume: 5 },
    changed: [],
  }
  for (const { role } of scenario.instances) {
    const name = `${role}-role`
    cloud.roles?.set(name, { name, path: '/', policies: new Map([['work', WORK]]) })
  }
  const networks = new Map<string, string>()
  const workloadGroups = new Map<string, string>()
  for (const { name, range, range6 } of scenario.networks) {
    const vpc = {
      id: id('vpc', random),
      cidr: range,
      ...(range6 === undefined ? {} : { ipv6Cidr: range6 }),
      tags: { Name: name },
    }
    cloud.vpcs.set(vpc.id, vpc)
    networks.set(name, vpc.id)
    addAcl(cloud, vpc, true, `${name}-default`, random)
    addGroup(cloud, vpc, 'default', random)
    workloadGroups.set(vpc.id, addGroup(cloud, vpc, 'workload', random))
  }
  const subnets = addSubnets(scenario, cloud, networks, random)
  const hosts = new Map([...cloud.subnets.values()].map(subnet => [subnet.id, hostsOf(subnet.cidr, subnet.ipv6Cidr)]))
  const publicHosts = hostsOf('192.0.2.0/25', undefined)

  function addInterface(instance: string, deviceIndex: number, subnet: Subnet, nat: boolean): string {
    const networkInterface = id('eni', random)
    const host = hosts.get(subnet.id)?.next().value
    if (!host) throw new RangeError(`Cannot place an interface: subnet ${subnet.cidr} is full`)
    cloud.interfaces.set(networkInterface, {
      id: networkInterface,
      subnet: subnet.id,
      vpc: subnet.vpc,
      instance,
      attachment: id('eni-attach', random),
      deviceIndex,
      deleteOnTermination: deviceIndex === 0,
      groups: [workloadGroups.get(subnet.vpc) ?? ''],
      address: host.address,
      ipv6: host.ipv6 === undefined ? [] : [host.ipv6],
      ...(nat ? { nat } : {}),
      tags: {},
    })
    return networkInterface
  }

  const members = scenario.instances.flatMap(spec =>
    memberNames(spec).map((name, index): Member => {
      const instance = id('i', random)
      cloud.instances.set(instance, {
        id: instance,
        state: 'running',
        type: spec.role === 'agent' ? 'g6.xlarge' : 'm7i.large',
        launchedAt: scenario.start - random.whole(2 * 86_400, 20 * 86_400) * 1000,
        spot: spec.spot,
        role: `${spec.role}-role`,
        terminationProtection: false,
        stopProtection: false,
        shutdown: 'stop',
        metadata: defaultMetadata(),
        tags: { Name: name, ...spec.tags },
      })
      const interfaces = spec.interfaces.map((choices, deviceIndex) => {
        const subnet = cloud.subnets.get(subnets.get(choices[index % choices.length] ?? '') ?? '')
        if (!subnet) throw new RangeError(`Cannot place an interface of ${name}: no such subnet`)
        return addInterface(instance, deviceIndex, subnet, spec.outlet === 'nat' || deviceIndex > 0)
      })
      if (spec.outlet === 'public') {
        const allocation = id('eipalloc', random)
        const address = publicHosts.next().value?.address
        if (address === undefined) throw new RangeError('Cannot give a public address: the example range is used up')
        cloud.addresses.set(allocation, {
          allocation,
          address,
          association: id('eipassoc', random),
          interface: interfaces[0] ?? '',
        })
      }
      for (let disk = 0; disk < spec.volumes; disk++) {
        const volume = id('vol', random)
        const device = disk === 0 ? '/dev/xvda' : `/dev/sd${String.fromCharCode(101 + disk)}`
        cloud.volumes.set(volume, {
          id: volume,
          size: disk === 0 ? 100 : 500,
          instance,
          device,
          deleteOnTermination: disk === 0,
          tags: {},
        })
      }
      return { name, instance, interfaces, spec }
    }),
  )
  return { cloud, members, networks, subnets }
}

function addSubnets(scenario: Scenario, cloud: Cloud, networks: Map<string, string>, random: Random) {
  const subnets = new Map<string, string>()
  const acls = new Map<string, string>()
  for (const { name, network, range, range6, acl } of scenario.subnets) {
    const vpc = cloud.vpcs.get(networks.get(network) ?? '')
    if (!vpc) throw new RangeError(`Cannot place subnet ${name}: no such network`)
    const shared = `${network}/${acl ?? 'default'}`
    const existing =
      acl === undefined ? [...cloud.acls.values()].find(one => one.vpc === vpc.id && one.default)?.id : acls.get(shared)
    const held = existing ?? addAcl(cloud, vpc, false, `${network}-${acl}`, random)
    acls.set(shared, held)
    const subnet: Subnet = {
      id: id('subnet', random),
      vpc: vpc.id,
      cidr: range,
      ...(range6 === undefined ? {} : { ipv6Cidr: range6 }),
      acl: held,
      tags: { Name: name },
    }
    cloud.subnets.set(subnet.id, subnet)
    subnets.set(name, subnet.id)
  }
  return subnets
}

/** As the VPC's own default ACL stands: rule 100 allows everything, the last one denies; IPv6 has its own pair. */
function addAcl(cloud: Cloud, vpc: Vpc, isDefault: boolean, name: string, random: Random): string {
  const families = [
    { cidr: '0.0.0.0/0', allow: 100, deny: 32_767 },
    ...(vpc.ipv6Cidr === undefined ? [] : [{ cidr: '::/0', allow: 101, deny: 32_768 }]),
  ]
  const acl: NetworkAcl = {
    id: id('acl', random),
    vpc: vpc.id,
    default: isDefault,
    owner: ACCOUNT,
    entries: [true, false].flatMap(egress =>
      families.flatMap(({ cidr, allow, deny }) => [
        { number: allow, egress, allow: true, cidr, protocol: '-1' },
        { number: deny, egress, allow: false, cidr, protocol: '-1' },
      ]),
    ),
    tags: { Name: name },
  }
  cloud.acls.set(acl.id, acl)
  return acl.id
}

/** Egress to everywhere, as a new group has it; SSH and service ports are open to the network's own range. */
function addGroup(cloud: Cloud, vpc: Vpc, name: 'default' | 'workload', random: Random): string {
  const group = id('sg', random)
  const everywhere = ['0.0.0.0/0', ...(vpc.ipv6Cidr === undefined ? [] : ['::/0'])]
  cloud.groups.set(group, {
    id: group,
    name,
    description: name === 'default' ? 'default VPC security group' : 'Agents and services',
    vpc: vpc.id,
    ingress:
      name === 'default'
        ? [{ protocol: '-1', from: 0, to: 65_535, group }]
        : [
            { protocol: 'tcp', from: 22, to: 22, cidr: vpc.cidr },
            { protocol: 'tcp', from: 8000, to: 8999, cidr: vpc.cidr },
          ],
    egress: everywhere.map(cidr => ({ protocol: '-1', from: 0, to: 65_535, cidr })),
    tags: {},
  })
  return group
}

function id(kind: string, random: Random): string {
  return `${kind}-0${random.hex(16)}`
}
