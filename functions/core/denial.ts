import { compileRanges, isExternal } from './address.ts'
import type { Description } from './description.ts'
import type { Peer } from './finding.ts'
import type { Denial } from './incident.ts'
import type { NetworkRow } from './inventory.ts'

/** Addresses that are never denied, whatever a finding says. Ranges or single addresses. */
export interface DenialSettings {
  readonly allowList: readonly string[]
  /** The provider's own service ranges (AWS publishes its own as ip-ranges.json). */
  readonly providerRanges: readonly string[]
  readonly proxies: readonly string[]
}

/** Whether another interface behind the ACL used the peer in the last 24 h; `unknown` where the logs do not cover all of them. */
export type NeighbourUse = 'unused' | 'used' | 'unknown'

/** Stands for the ACL of a subnet that this account may not see into. */
export const UNSEEN_ACL = 'unseen'

/** The ACLs that the instance's traffic passes, each once. */
export function aclsOf(description: Description): Description['acls'] {
  const subnets = new Set(description.interfaces.map(({ subnet }) => subnet))
  return description.acls.filter(acl => acl.subnets.some(subnet => subnets.has(subnet)))
}

/**
 * For each peer that a tunnel or mining signal names and each ACL that the instance stands behind: whether the ACL may
 * deny it. An ACL is shared, so a deny is refused wherever a neighbour, the network itself or the operator needs the peer.
 */
export function decideDenials(
  peers: readonly Peer[],
  description: Description,
  network: NetworkRow | undefined,
  settings: DenialSettings,
  neighbourUse: (acl: string, peer: string) => NeighbourUse,
): Denial[] {
  const never = [
    {
      ranges: network ? [...network.cidrs, ...network.peeredCidrs] : [],
      what: 'The peer stands in the VPC or a network attached to it',
    },
    { ranges: network?.endpoints ?? [], what: 'The peer is an endpoint, proxy or resolver of the VPC' },
    { ranges: settings.proxies, what: 'The peer is a configured proxy' },
    { ranges: settings.providerRanges, what: 'The peer is in a range of the provider' },
    { ranges: settings.allowList, what: 'The peer is on the allow-list' },
  ].map(({ ranges, what }) => ({ contains: compileRanges(ranges), what }))

  function refusal(acl: Description['acls'][number], peer: string): string {
    if (!isExternal(peer))
      return 'The peer is no external address: traffic inside a subnet passes no ACL, and a network inside is shared'
    const kept = never.find(({ contains }) => contains(peer))
    if (kept) return kept.what
    if (!network) return 'The inventory does not know the VPC yet, so nothing says which addresses it needs'
    if (!acl.ours) return 'The ACL belongs to another account (a shared VPC)'
    const use = neighbourUse(acl.id, peer)
    if (use === 'used') return 'Another interface behind the ACL used the peer within 24 hours'
    if (use === 'unknown')
      return 'The flow logs do not cover every interface behind the ACL for 24 hours, so a neighbour may need the peer'
    return ''
  }

  const addresses = [...new Set(peers.map(({ address }) => address))]
  const seen = new Set(description.acls.flatMap(({ subnets }) => subnets))
  const unseen = description.interfaces.some(({ subnet }) => !seen.has(subnet))
  return addresses.flatMap(peer => [
    ...aclsOf(description).map(acl => {
      const reason = refusal(acl, peer)
      return { acl: acl.id, peer, allowed: reason === '', reason }
    }),
    // Without this nothing would say that such an interface still leads to the peer.
    ...(unseen
      ? [{ acl: UNSEEN_ACL, peer, allowed: false, reason: 'The ACL of a subnet cannot be seen (another VPC)' }]
      : []),
  ])
}
