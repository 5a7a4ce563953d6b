import type { Cloud, Vpc } from '../cloud.ts'
import { filtered, paged } from './filters.ts'
import { named, SUBNET, tagSet, VPC } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import type { Tree } from './xml.ts'

const ASSOCIATED: Tree = { state: 'associated' }

export function describeVpcs(cloud: Cloud, parameters: Parameters): Tree {
  const { items, nextToken } = paged(
    filtered(named(cloud.vpcs, parameters.list('VpcId'), VPC), parameters, {
      'vpc-id': ({ id }) => [id],
      cidr: ({ cidr }) => [cidr],
      'owner-id': ({ owner }) => [owner ?? cloud.account],
      state: () => ['available'],
    }),
    parameters,
  )
  return {
    vpcSet: items.map(({ id, cidr, ipv6Cidr, owner, tags }) => ({
      vpcId: id,
      ownerId: owner ?? cloud.account,
      state: 'available',
      cidrBlock: cidr,
      cidrBlockAssociationSet: [
        { cidrBlock: cidr, associationId: id.replace(/^vpc-/, 'vpc-cidr-assoc-'), cidrBlockState: ASSOCIATED },
      ],
      ipv6CidrBlockAssociationSet: ipv6Set(ipv6Cidr),
      instanceTenancy: 'default',
      isDefault: false,
      tagSet: tagSet(tags),
    })),
    nextToken,
  }
}

function ipv6Set(ipv6CidrBlock: string | undefined): Tree {
  return ipv6CidrBlock === undefined
    ? []
    : [{ ipv6CidrBlock, associationId: 'vpc-cidr-assoc-ipv6', ipv6CidrBlockState: ASSOCIATED }]
}

export function describeSubnets(cloud: Cloud, parameters: Parameters): Tree {
  const { items, nextToken } = paged(
    filtered(named(cloud.subnets, parameters.list('SubnetId'), SUBNET), parameters, {
      'subnet-id': ({ id }) => [id],
      'vpc-id': ({ vpc }) => [vpc],
      'cidr-block': ({ cidr }) => [cidr],
      state: () => ['available'],
    }),
    parameters,
  )
  return {
    subnetSet: items.map(({ id, vpc, cidr, ipv6Cidr, tags }) => ({
      subnetId: id,
      vpcId: vpc,
      state: 'available',
      ownerId: cloud.vpcs.get(vpc)?.owner ?? cloud.account,
      cidrBlock: cidr,
      ipv6CidrBlockAssociationSet: ipv6Set(ipv6Cidr),
      availabilityZone: `${cloud.region}a`,
      tagSet: tagSet(tags),
    })),
    nextToken,
  }
}

export function describeVpcPeeringConnections(cloud: Cloud, parameters: Parameters): Tree {
  const all = [...(cloud.peerings?.values() ?? [])].map(one => ({ ...one, tags: {} }))
  const { items, nextToken } = paged(
    filtered(all, parameters, {
      'vpc-peering-connection-id': ({ id }) => [id],
      'requester-vpc-info.vpc-id': ({ requester }) => [requester],
      'accepter-vpc-info.vpc-id': ({ accepter }) => [accepter],
      'status-code': () => ['active'],
    }),
    parameters,
  )
  return {
    vpcPeeringConnectionSet: items.map(({ id, requester, accepter }) => ({
      vpcPeeringConnectionId: id,
      status: { code: 'active', message: 'Active' },
      requesterVpcInfo: sideTree(cloud, cloud.vpcs.get(requester)),
      accepterVpcInfo: sideTree(cloud, cloud.vpcs.get(accepter)),
      tagSet: [],
    })),
    nextToken,
  }
}

function sideTree({ account, region }: Cloud, vpc: Vpc | undefined): Tree {
  return (
    vpc && {
      vpcId: vpc.id,
      ownerId: vpc.owner ?? account,
      region,
      cidrBlock: vpc.cidr,
      cidrBlockSet: [{ cidrBlock: vpc.cidr }],
      ipv6CidrBlockSet: vpc.ipv6Cidr === undefined ? [] : [{ ipv6CidrBlock: vpc.ipv6Cidr }],
    }
  )
}

export function describeVpcEndpoints(cloud: Cloud, parameters: Parameters): Tree {
  const all = [...(cloud.endpoints?.values() ?? [])].map(one => ({ ...one, tags: {} }))
  const { items, nextToken } = paged(
    filtered(all, parameters, {
      'vpc-endpoint-id': ({ id }) => [id],
      'vpc-id': ({ vpc }) => [vpc],
      'service-name': ({ service }) => [service],
      'vpc-endpoint-type': () => ['Interface'],
    }),
    parameters,
  )
  return {
    vpcEndpointSet: items.map(({ id, vpc, service, interfaces }) => ({
      vpcEndpointId: id,
      vpcEndpointType: 'Interface',
      vpcId: vpc,
      serviceName: service,
      state: 'available',
      ownerId: cloud.account,
      networkInterfaceIdSet: interfaces,
      subnetIdSet: interfaces.map(one => cloud.interfaces.get(one)?.subnet),
      tagSet: [],
    })),
    nextToken,
  }
}
