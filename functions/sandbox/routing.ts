import type { Cloud, NetworkInterface } from './cloud.ts'
import { isWithin } from './filtering.ts'

/** Where an address leads, over indexes that are made again after each announced change. */
export function createRouting(cloud: Cloud) {
  let inside: Map<string, NetworkInterface> | undefined
  let publicAddresses: Map<string, string> | undefined
  cloud.changed.push(() => {
    inside = undefined
    publicAddresses = undefined
  })

  function insideIndex(): Map<string, NetworkInterface> {
    inside ??= new Map(
      [...cloud.interfaces.values()].flatMap(one =>
        [one.address, ...one.ipv6].map(address => [`${one.vpc} ${address}`, one] as const),
      ),
    )
    return inside
  }

  function publicIndex(): Map<string, string> {
    if (publicAddresses) return publicAddresses
    publicAddresses = new Map()
    for (const one of cloud.interfaces.values())
      if (one.assigned !== undefined) publicAddresses.set(one.id, one.assigned)
    for (const one of cloud.addresses.values())
      if (one.interface !== undefined) publicAddresses.set(one.interface, one.address)
    return publicAddresses
  }

  const isInVpc = (vpc: string, address: string): boolean => {
    const { cidr, ipv6Cidr } = cloud.vpcs.get(vpc) ?? {}
    return [cidr, ipv6Cidr].some(range => range !== undefined && isWithin(range, address))
  }

  return {
    /** The interface that holds the address in the VPC or in one peered with it. */
    holder(vpc: string, address: string): NetworkInterface | undefined {
      return [vpc, ...peersOf(cloud, vpc)].map(one => insideIndex().get(`${one} ${address}`)).find(one => one)
    },
    /** Whether the VPC, or one peered with it, routes the address inside. */
    isInside: (vpc: string, address: string): boolean =>
      [vpc, ...peersOf(cloud, vpc)].some(one => isInVpc(one, address)),
    publicAddress: (networkInterface: string): string | undefined => publicIndex().get(networkInterface),
    byPublicAddress(address: string): NetworkInterface | undefined {
      for (const [id, held] of publicIndex()) if (held === address) return cloud.interfaces.get(id)
      return undefined
    },
    /**
     * The provider's own services: metadata, time and resolver, by link-local address and at the VPC's base plus two.
     * Neither groups nor ACLs filter them (VPC User Guide, "Network ACL basics" and "Security group basics").
     */
    isProvider(vpc: string, address: string): boolean {
      return isWithin('169.254.0.0/16', address) || address === resolverOf(cloud.vpcs.get(vpc)?.cidr)
    },
  }
}

function peersOf({ peerings }: Cloud, vpc: string): string[] {
  if (!peerings || peerings.size === 0) return []
  return [...peerings.values()].flatMap(({ requester, accepter }) => {
    if (requester === vpc) return [accepter]
    return accepter === vpc ? [requester] : []
  })
}

function resolverOf(cidr: string | undefined): string | undefined {
  const [a, b, c, d] = (cidr?.split('/')[0] ?? '').split('.')
  return d === undefined ? undefined : `${a}.${b}.${c}.${Number(d) + 2}`
}
