import type { Rule } from '../../core/rule.ts'
import { isAllowedName, shown } from '../../core/rule-signals.ts'
import { isBusySuffix } from '../indicators/busy-suffixes.ts'

const author = { id: 'dns-tunnel', technique: 'T1071.004' }

/**
 * Many long, ever new names of high entropy under one suffix: a tunnel through the resolver, which groups and ACLs do not
 * stop. Alone it alerts, since reputation services ask in the same way.
 */
export const dnsTunnel: Rule = {
  ...author,
  title: 'DNS tunnel',
  severity: 'high',
  falsePositives: [
    'Reputation and blocklist lookups, which carry a hash in the name: put the suffix on the allow-list',
    'A content network or a cloud that names each resource by a hash',
  ],
  runbook: [
    'Look at who runs the suffix’s name servers and since when it is registered',
    'Look at the types of the queries: TXT, NULL and CNAME carry answers back',
    'Deny the suffix in the resolver’s firewall: taking the instance off the network leaves the resolver reachable',
  ],
  judge({ suffixes, settings }) {
    const { dnsTunnel: limits, points } = settings
    return suffixes
      .filter(({ suffix, names, encoded }) => {
        if (encoded < limits.names || encoded < limits.share * names) return false
        return !isBusySuffix(suffix) && !isAllowedName(settings, suffix)
      })
      .map(({ suffix, names, encoded, first, last }) => ({
        rule: author.id,
        family: 'shape',
        points: encoded >= limits.manyNames ? points.heavyDnsTunnel : points.dnsTunnel,
        technique: author.technique,
        name: suffix.slice(0, 255),
        first,
        last,
        own: true,
        detail: `Asked for about ${names} names under ${shown(suffix)} in two hours, ${encoded} of them long and random`,
      }))
  },
}
