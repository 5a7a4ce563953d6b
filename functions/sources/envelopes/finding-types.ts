import type { Alert } from '../../core/flow.ts'

/**
 * GuardDuty's finding types (GuardDuty User Guide, "Finding types", read 2026-11), as far as they say mining or tunnel.
 * Security Hub carries the same types with a hyphen where GuardDuty has a slash.
 */
const KINDS: readonly (readonly [string, Alert['kind']])[] = [
  ['CryptoCurrency:', 'mining'],
  ['Impact:EC2/BitcoinDomainRequest', 'mining'],
  ['Impact:Runtime/BitcoinDomainRequest', 'mining'],
  ['Impact:Runtime/CryptoMinerExecuted', 'mining'],
  // Data in the names of queries: the tunnel is the resolver.
  ['Trojan:EC2/DNSDataExfiltration', 'tunnel'],
  ['Trojan:Runtime/DNSDataExfiltration', 'tunnel'],
  // A shell whose driver sits outside.
  ['Execution:Runtime/ReverseShell', 'tunnel'],
]

/** What a finding's type says; `other` for what is kept as context only. */
export function kindOfType(type: string): Alert['kind'] {
  return KINDS.find(([prefix]) => type.startsWith(prefix))?.[1] ?? 'other'
}

/** The instance of an ARN or an id, or `undefined`. */
export function instanceOf(resource: string | undefined): string | undefined {
  const id = resource?.slice(resource.lastIndexOf('/') + 1)
  if (!id?.startsWith('i-') || id.length > 32) return undefined
  for (let at = 2; at < id.length; at++) if (!'0123456789abcdef'.includes(id[at] ?? ' ')) return undefined
  return id.length > 2 ? id : undefined
}
