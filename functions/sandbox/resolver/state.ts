import type { Cloud, DnsFirewall, FirewallAssociation } from '../cloud.ts'

export function firewallOf(cloud: Cloud): DnsFirewall {
  cloud.firewall ??= { groups: new Map(), lists: new Map(), associations: new Map() }
  return cloud.firewall
}

/** One that was told to go stands in one more answer. */
export function associationsOf(
  { associations }: DnsFirewall,
  { VpcId: vpc, FirewallRuleGroupId: group }: { VpcId?: string | undefined; FirewallRuleGroupId?: string | undefined },
): FirewallAssociation[] {
  const standing = [...associations.values()].filter(
    one => (vpc === undefined || one.vpc === vpc) && (group === undefined || one.group === group),
  )
  for (const one of standing) if (one.going) associations.delete(one.id)
  return standing
}

/** Whether the resolver of the network answers a query for the name. */
export function resolves(cloud: Cloud, vpc: string, name: string): boolean {
  const { groups, lists, associations } = firewallOf(cloud)
  const blocked = [...associations.values()]
    .filter(one => one.vpc === vpc && !one.going)
    .flatMap(one => groups.get(one.group)?.rules.filter(({ action }) => action === 'BLOCK') ?? [])
    .flatMap(rule => lists.get(rule.list)?.domains ?? [])
  return !blocked.some(domain =>
    domain.startsWith('*.') ? `${name}.`.endsWith(domain.slice(1)) : domain === `${name}.`,
  )
}
