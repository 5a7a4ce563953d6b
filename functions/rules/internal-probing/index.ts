import type { ProbeView, Rule } from '../../core/rule.ts'

const author = { id: 'internal-probing', technique: 'T1046' }
const HOSTS = 'T1018'

/** Alone it alerts and never isolates: a cluster that starts touches hundreds of ports, and a count is no identity. */
export const internalProbing: Rule = {
  ...author,
  title: 'Internal probing',
  severity: 'medium',
  falsePositives: [
    'Service discovery or a cluster that starts while its members are down',
    'A vulnerability scanner or an inventory of the network: exempt it by its tag',
    'A client whose peers were all taken away at once',
  ],
  runbook: [
    'Compare the targets with what the instance’s job needs: one port on many hosts is a search for a service',
    'Look for accepted attempts among the refused ones, and at what those hosts then saw',
    'Look for a tunnel on the same instance: whoever drives it looks around first',
  ],
  judge({ probes: { internal }, settings: { probing, points } }) {
    if (!internal || internal.targets < probing.targets) return []
    const heavy = internal.targets >= probing.manyTargets
    const { first, last } = internal
    return [
      {
        rule: author.id,
        family: 'shape',
        points: heavy ? points.heavyProbing : points.probing,
        technique: internal.addresses > internal.ports ? HOSTS : author.technique,
        first,
        last,
        own: true,
        detail: detailOf(internal),
      },
    ]
  },
}

function detailOf({ targets, addresses, ports, refused }: ProbeView): string {
  const direction =
    addresses > 4 * ports
      ? 'horizontally, few ports on many hosts'
      : ports > 4 * addresses
        ? 'vertically, many ports on few hosts'
        : 'in both directions'
  return `Tried ${targets} targets inside in 5 minutes (${addresses} hosts, ${ports} ports, ${refused} refused), ${direction}`
}
