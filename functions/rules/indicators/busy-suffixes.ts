import { compileSuffixes } from '../../core/suffixes.ts'
import type { Indicator } from './indicator.ts'

const plixer = {
  source: 'https://docs.plixer.com/projects/flowpro/en/19.1.0/flowProFeaturesAndFunctionality/trustedDomainlist.html',
  date: '2026-11-24',
}

/** Suffixes under which long and ever new names are the rule, so that nobody tunnels through them who does not own them. */
export const busySuffixes: readonly Indicator[] = [
  { value: 'in-addr.arpa', kind: 'busy-suffix', of: 'reverse lookups', source: 'RFC 1035, 3.5', date: '1987-11' },
  { value: 'ip6.arpa', kind: 'busy-suffix', of: 'reverse lookups', source: 'RFC 3596, 2.5', date: '2003-10' },
  {
    value: 'amazonaws.com',
    kind: 'busy-suffix',
    of: 'AWS',
    source: 'https://docs.aws.amazon.com/general/latest/gr/rande.html',
    date: '2026-11-24',
  },
  {
    value: 'cloudfront.net',
    kind: 'busy-suffix',
    of: 'AWS',
    source: 'https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-working-with.html',
    date: '2026-11-24',
  },
  { value: 'mcafee.com', kind: 'busy-suffix', of: 'McAfee’s reputation lookups', ...plixer },
  { value: 'sophosxl.net', kind: 'busy-suffix', of: 'Sophos’s reputation lookups', ...plixer },
]

const find = compileSuffixes(busySuffixes.map(({ value }) => [value, true] as const))

export function isBusySuffix(suffix: string): boolean {
  return find(suffix) ?? false
}
