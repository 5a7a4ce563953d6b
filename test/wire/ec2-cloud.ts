import type { Cloud, NetworkAcl } from '../../functions/sandbox/cloud.ts'
import { defaultMetadata } from '../../functions/sandbox/ec2/metadata-options.ts'

/** A small cloud for the adapters' tests: one instance with two interfaces, three volumes and an elastic address. */
export function smallCloud(): Cloud {
  const account = '111122223333'
  const everything = (number: number, egress: boolean, cidr: string) => ({
    number,
    egress,
    allow: true,
    cidr,
    protocol: '-1',
  })
  const acl = (id: string, owner = account): NetworkAcl => ({
    id,
    vpc: 'vpc-1',
    default: id === 'acl-1',
    owner,
    entries: [true, false].flatMap(egress => [
      everything(100, egress, '0.0.0.0/0'),
      everything(101, egress, '::/0'),
      { ...everything(32_767, egress, '0.0.0.0/0'), allow: false },
      { ...everything(32_768, egress, '::/0'), allow: false },
    ]),
    tags: {},
  })
  const group = (id: string) => ({
    id,
    name: id,
    description: '',
    vpc: 'vpc-1',
    ingress: [{ protocol: 'tcp', from: 22, to: 22, cidr: '10.0.0.0/16' }],
    egress: [{ protocol: '-1', from: -1, to: -1, cidr: '0.0.0.0/0' }],
    tags: {},
  })
  const face = (id: string, subnet: string, deviceIndex: number, groups: string[], instance = 'i-1') => ({
    id,
    subnet,
    vpc: 'vpc-1',
    ...(instance === '' ? {} : { instance, attachment: `eni-attach-${id.slice(4)}` }),
    deviceIndex,
    deleteOnTermination: true,
    groups,
    address: `10.0.${subnet.slice(-1)}.${10 + Number(id.slice(4))}`,
    ipv6: id === 'eni-1' ? ['2001:db8:1::a'] : [],
    tags: {},
  })
  const instance = (id: string, spot: boolean) => ({
    id,
    state: 'running' as const,
    type: 'm7i.large',
    launchedAt: Date.parse('2026-11-01T00:00:00Z'),
    spot,
    terminationProtection: false,
    stopProtection: false,
    shutdown: 'terminate' as const,
    metadata: defaultMetadata(),
    tags: { 'firebreak:scope': 'agent', Name: '<b>agent</b>' },
  })
  const volume = (id: string, device: string, owner: string) => ({
    id,
    size: 8,
    instance: owner,
    device,
    deleteOnTermination: true,
    tags: {},
  })
  const byId = <T extends { id: string }>(...all: T[]) => new Map(all.map(one => [one.id, one]))
  return {
    account,
    region: 'us-east-1',
    vpcs: byId(
      { id: 'vpc-1', cidr: '10.0.0.0/16', ipv6Cidr: '2001:db8:1::/56', tags: {} },
      { id: 'vpc-2', cidr: '10.1.0.0/16', tags: {} },
    ),
    subnets: byId(
      { id: 'subnet-1', vpc: 'vpc-1', cidr: '10.0.1.0/24', ipv6Cidr: '2001:db8:1::/64', acl: 'acl-1', tags: {} },
      { id: 'subnet-2', vpc: 'vpc-1', cidr: '10.0.2.0/24', acl: 'acl-2', tags: {} },
      { id: 'subnet-3', vpc: 'vpc-1', cidr: '10.0.3.0/24', acl: 'acl-3', tags: {} },
    ),
    acls: byId(acl('acl-1'), acl('acl-2'), acl('acl-3', '444455556666')),
    groups: byId(group('sg-a'), group('sg-b'), group('sg-c')),
    interfaces: byId(
      face('eni-1', 'subnet-1', 0, ['sg-b', 'sg-a']),
      face('eni-2', 'subnet-2', 1, ['sg-c']),
      face('eni-3', 'subnet-3', 0, ['sg-c'], 'i-2'),
      face('eni-4', 'subnet-1', 0, ['sg-c'], ''),
    ),
    instances: byId(instance('i-1', false), instance('i-2', true)),
    volumes: byId(
      volume('vol-1', '/dev/xvda', 'i-1'),
      volume('vol-2', '/dev/sdf', 'i-1'),
      volume('vol-3', '/dev/sdg', 'i-1'),
      volume('vol-4', '/dev/xvda', 'i-2'),
    ),
    snapshots: new Map(),
    addresses: new Map([
      [
        'eipalloc-1',
        { allocation: 'eipalloc-1', address: '198.51.100.7', association: 'eipassoc-1', interface: 'eni-1' },
      ],
    ]),
    endpoints: byId({ id: 'vpce-1', vpc: 'vpc-1', service: 'com.amazonaws.us-east-1.sts', interfaces: ['eni-4'] }),
    peerings: byId({ id: 'pcx-1', requester: 'vpc-2', accepter: 'vpc-1' }),
    quotas: { aclEntriesPerDirection: 20, pendingSnapshotsPerVolume: 5 },
    changed: [],
  }
}
