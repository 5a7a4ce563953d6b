import {
  DescribeInstancesCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcPeeringConnectionsCommand,
  DescribeVpcsCommand,
  type EC2Client,
} from '@aws-sdk/client-ec2'
import * as z from 'zod'
import { UNSEEN_ACL } from '../../core/denial.ts'
import type { Fleet, FleetInstance, FleetInterface, FleetNetwork } from '../../core/fleet.ts'
import type { Clock, Permission } from '../../core/ports.ts'
import { listAcls } from './acls.ts'
import type { Ec2 } from './ec2.ts'
import { type NetworkInterface, Reservation } from './ec2-shapes.ts'
import { listInterfaces } from './interfaces.ts'

const Vpc = z.object({
  VpcId: z.string(),
  CidrBlock: z.string().optional(),
  CidrBlockAssociationSet: z.array(z.object({ CidrBlock: z.string().optional() })).default([]),
  Ipv6CidrBlockAssociationSet: z.array(z.object({ Ipv6CidrBlock: z.string().optional() })).default([]),
})

const PeeringSide = z
  .object({
    VpcId: z.string().optional(),
    CidrBlock: z.string().optional(),
    CidrBlockSet: z.array(z.object({ CidrBlock: z.string().optional() })).default([]),
    Ipv6CidrBlockSet: z.array(z.object({ Ipv6CidrBlock: z.string().optional() })).default([]),
  })
  .default({ CidrBlockSet: [], Ipv6CidrBlockSet: [] })

const Peering = z.object({
  AccepterVpcInfo: PeeringSide,
  RequesterVpcInfo: PeeringSide,
  Status: z.object({ Code: z.string().optional() }).optional(),
})

const Endpoint = z.object({ VpcId: z.string(), NetworkInterfaceIds: z.array(z.string()).default([]) })

/** Reads instances, interfaces and networks of the Region, page by page, the kinds beside each other. */
export function fleetReader(ec2: Ec2, clock: Clock, account: string, region: string) {
  return async (signal: AbortSignal): Promise<Fleet> => {
    const client = ec2.adaptive()
    const at = clock.now()
    const [reservations, interfaces, acls, vpcs, peerings, endpoints] = await Promise.all([
      listReservations(client, signal),
      listInterfaces(client, [], signal),
      listAcls(client, [], signal),
      listVpcs(client, signal),
      listPeerings(client, signal),
      listEndpoints(client, signal),
    ])
    const aclOf = new Map(
      acls.flatMap(acl => acl.Associations.map(({ SubnetId }) => [SubnetId, acl.NetworkAclId] as const)),
    )
    return {
      at,
      account,
      region,
      instances: reservations.flatMap(({ Instances }) => Instances).flatMap(one => toInstance(one, aclOf)),
      interfaces: interfaces.map((one): FleetInterface => {
        const instance = one.Attachment?.InstanceId
        return {
          id: one.NetworkInterfaceId,
          vpc: one.VpcId,
          subnet: one.SubnetId,
          acl: aclOf.get(one.SubnetId) ?? UNSEEN_ACL,
          ...(instance ? { instance } : {}),
        }
      }),
      networks: vpcs.map(vpc => toNetwork(vpc, peerings, endpoints, interfaces)),
    }
  }
}

function toInstance(
  one: z.infer<typeof Reservation>['Instances'][number],
  aclOf: ReadonlyMap<string, string>,
): FleetInstance[] {
  // For about an hour a terminated instance is still listed, without a network.
  if (one.State.Name === 'terminated' || one.VpcId === '') return []
  return [
    {
      instance: one.InstanceId,
      vpc: one.VpcId,
      launchedAt: one.LaunchTime.getTime(),
      tags: one.Tags,
      state: one.State.Name,
      interfaces: one.NetworkInterfaces.map(held => ({
        id: held.NetworkInterfaceId,
        subnet: held.SubnetId,
        acl: aclOf.get(held.SubnetId) ?? UNSEEN_ACL,
        addresses: [
          ...held.PrivateIpAddresses.map(({ PrivateIpAddress }) => PrivateIpAddress),
          ...held.Ipv6Addresses.map(({ Ipv6Address }) => Ipv6Address),
        ],
        publicAddresses: publicAddressesOf(held),
      })),
    },
  ]
}

function publicAddressesOf({ PrivateIpAddresses }: Pick<NetworkInterface, 'PrivateIpAddresses'>): string[] {
  return PrivateIpAddresses.flatMap(({ Association }) => Association?.PublicIp ?? [])
}

function toNetwork(
  vpc: z.infer<typeof Vpc>,
  peerings: readonly z.infer<typeof Peering>[],
  endpoints: readonly z.infer<typeof Endpoint>[],
  interfaces: readonly NetworkInterface[],
): FleetNetwork {
  const inside = interfaces.filter(({ VpcId }) => VpcId === vpc.VpcId)
  const served = new Set(
    endpoints.filter(({ VpcId }) => VpcId === vpc.VpcId).flatMap(({ NetworkInterfaceIds }) => NetworkInterfaceIds),
  )
  const endpointAddresses = inside
    .filter(({ NetworkInterfaceId }) => served.has(NetworkInterfaceId))
    .flatMap(({ PrivateIpAddresses, Ipv6Addresses }) => [
      ...PrivateIpAddresses.map(({ PrivateIpAddress }) => PrivateIpAddress),
      ...Ipv6Addresses.map(({ Ipv6Address }) => Ipv6Address),
    ])
  const peered = peerings
    .filter(({ Status }) => Status?.Code === 'active')
    .flatMap(({ AccepterVpcInfo, RequesterVpcInfo }) => {
      if (RequesterVpcInfo.VpcId === vpc.VpcId) return [AccepterVpcInfo]
      return AccepterVpcInfo.VpcId === vpc.VpcId ? [RequesterVpcInfo] : []
    })
  const present = (texts: readonly (string | undefined)[]) => [...new Set(texts.flatMap(text => text || []))]
  return {
    vpc: vpc.VpcId,
    cidrs: present([
      vpc.CidrBlock,
      ...vpc.CidrBlockAssociationSet.map(({ CidrBlock }) => CidrBlock),
      ...vpc.Ipv6CidrBlockAssociationSet.map(({ Ipv6CidrBlock }) => Ipv6CidrBlock),
    ]),
    peeredCidrs: present(
      peered.flatMap(side => [
        side.CidrBlock,
        ...side.CidrBlockSet.map(({ CidrBlock }) => CidrBlock),
        ...side.Ipv6CidrBlockSet.map(({ Ipv6CidrBlock }) => Ipv6CidrBlock),
      ]),
    ),
    // Public addresses of the VPC's own interfaces (a NAT gateway, a load balancer) are its addresses too.
    endpoints: present([...endpointAddresses, ...inside.flatMap(publicAddressesOf)]),
  }
}

async function listReservations(client: EC2Client, signal: AbortSignal) {
  return paged(z.array(Reservation), async NextToken => {
    const page = await client.send(new DescribeInstancesCommand({ MaxResults: 1000, NextToken }), {
      abortSignal: signal,
    })
    return { items: page.Reservations, next: page.NextToken }
  })
}

async function listVpcs(client: EC2Client, signal: AbortSignal) {
  return paged(z.array(Vpc), async NextToken => {
    const page = await client.send(new DescribeVpcsCommand({ MaxResults: 1000, NextToken }), { abortSignal: signal })
    return { items: page.Vpcs, next: page.NextToken }
  })
}

async function listPeerings(client: EC2Client, signal: AbortSignal) {
  return paged(z.array(Peering), async NextToken => {
    const page = await client.send(new DescribeVpcPeeringConnectionsCommand({ MaxResults: 1000, NextToken }), {
      abortSignal: signal,
    })
    return { items: page.VpcPeeringConnections, next: page.NextToken }
  })
}

async function listEndpoints(client: EC2Client, signal: AbortSignal) {
  return paged(z.array(Endpoint), async NextToken => {
    const page = await client.send(new DescribeVpcEndpointsCommand({ MaxResults: 1000, NextToken }), {
      abortSignal: signal,
    })
    return { items: page.VpcEndpoints, next: page.NextToken }
  })
}

async function paged<T>(
  shape: z.ZodType<T[]>,
  ask: (token: string | undefined) => Promise<{ items: unknown; next: string | undefined }>,
): Promise<T[]> {
  const all: T[] = []
  let token: string | undefined
  do {
    const { items, next } = await ask(token)
    all.push(...shape.parse(items ?? []))
    token = next
  } while (token)
  return all
}

export const inventoryPermissions: readonly Permission[] = [
  {
    actions: [
      'ec2:DescribeInstances',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeNetworkAcls',
      'ec2:DescribeVpcs',
      'ec2:DescribeVpcPeeringConnections',
      'ec2:DescribeVpcEndpoints',
    ],
    resources: ['*'],
  },
]
