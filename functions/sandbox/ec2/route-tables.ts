import type { Cloud, Subnet, Vpc } from '../cloud.ts'
import { filtered, paged } from './filters.ts'
import type { Parameters } from './parameters.ts'
import type { Tree } from './xml.ts'

interface RouteTable {
  readonly id: string
  readonly vpc: Vpc
  /** The VPC's main one serves every subnet without another. */
  readonly main: boolean
  readonly subnets: readonly Subnet[]
  readonly tags: Record<string, string>
  readonly gateway: { readonly gatewayId: string } | { readonly natGatewayId: string }
}

/** The ways out that the interfaces' `nat` says: the main table leads to the internet gateway, one beside it to NAT. */
function tablesOf(cloud: Cloud): RouteTable[] {
  const translated = new Set([...cloud.interfaces.values()].filter(({ nat }) => nat).map(({ subnet }) => subnet))
  return [...cloud.vpcs.values()].flatMap(vpc => {
    const inside = [...cloud.subnets.values()].filter(one => one.vpc === vpc.id && translated.has(one.id))
    const suffix = vpc.id.replace(/^vpc-/, '')
    return [
      { id: `rtb-${suffix}`, vpc, main: true, subnets: [], tags: {}, gateway: { gatewayId: `igw-${suffix}` } },
      ...(inside.length === 0
        ? []
        : [
            {
              id: `rtb-nat-${suffix}`,
              vpc,
              main: false,
              subnets: inside,
              tags: {},
              gateway: { natGatewayId: `nat-${suffix}` },
            },
          ]),
    ]
  })
}

export function describeRouteTables(cloud: Cloud, parameters: Parameters): Tree {
  const { items, nextToken } = paged(
    filtered(tablesOf(cloud), parameters, {
      'route-table-id': ({ id }) => [id],
      'vpc-id': ({ vpc }) => [vpc.id],
      'association.subnet-id': ({ subnets }) => subnets.map(({ id }) => id),
      'association.main': ({ main }) => [String(main)],
    }),
    parameters,
  )
  return {
    routeTableSet: items.map(({ id, vpc, main, subnets, gateway }) => ({
      routeTableId: id,
      vpcId: vpc.id,
      ownerId: vpc.owner ?? cloud.account,
      routeSet: [
        { destinationCidrBlock: vpc.cidr, gatewayId: 'local', state: 'active', origin: 'CreateRouteTable' },
        { destinationCidrBlock: '0.0.0.0/0', ...gateway, state: 'active', origin: 'CreateRoute' },
      ],
      associationSet: [
        ...(main ? [association(id, { main: true })] : []),
        ...subnets.map(subnet => association(id, { main: false, subnetId: subnet.id })),
      ],
      propagatingVgwSet: [],
      tagSet: [],
    })),
    nextToken,
  }
}

function association(routeTableId: string, of: { readonly main: boolean; readonly subnetId?: string }): Tree {
  const routeTableAssociationId = `rtbassoc-${(of.subnetId ?? routeTableId).replace(/^\w+-/, '')}`
  return { routeTableAssociationId, routeTableId, ...of, associationState: { state: 'associated' } }
}
