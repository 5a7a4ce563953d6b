import { addressOfWord, compileRanges } from '../../core/address.ts'
import type { OperatorIndicator, OperatorKind } from '../../core/operator-indicators.ts'
import type { RuleSettings } from '../../core/rule-settings.ts'
import { compileSuffixes } from '../../core/suffixes.ts'

/** The operator's own indicators, compiled once, as settings live as long as the function. */
interface Compiled {
  named(name: string): ReadonlySet<OperatorKind> | undefined
  /** `undefined` for a list without ranges: it is asked of every conversation. */
  readonly tunnelRange: ((address: string) => boolean) | undefined
  readonly poolRange: Compiled['tunnelRange']
}

const compiled = new WeakMap<readonly OperatorIndicator[], Compiled>()

function compiledOf({ indicators }: RuleSettings): Compiled {
  const known = compiled.get(indicators)
  if (known) return known
  function rangesOf(kind: OperatorKind): Compiled['poolRange'] {
    const ranges = indicators.filter(one => one.kind === kind).map(({ value }) => value)
    return ranges.length === 0 ? undefined : compileRanges(ranges)
  }
  const names = Map.groupBy(
    indicators.filter(({ kind }) => kind !== 'tunnel-range' && kind !== 'pool-range'),
    ({ value }) => value,
  )
  const fresh = {
    named: compileSuffixes([...names].map(([name, of]) => [name, new Set(of.map(({ kind }) => kind))] as const)),
    tunnelRange: rangesOf('tunnel-range'),
    poolRange: rangesOf('pool-range'),
  }
  compiled.set(indicators, fresh)
  return fresh
}

export const OWN = 'the operator’s list'

/** Whether the operator's list knows the name for a tunnel, and as what its client connects to. */
export function ownTunnel(settings: RuleSettings, name: string): { readonly ingress: boolean } | undefined {
  const kinds = compiledOf(settings).named(name)
  if (kinds?.has('tunnel-ingress')) return { ingress: true }
  return kinds?.has('tunnel-service') ? { ingress: false } : undefined
}

export function isOwnPool(settings: RuleSettings, name: string): boolean {
  return compiledOf(settings).named(name)?.has('pool') ?? false
}

/** `address`: as text, or IPv4 as 32 bits. */
export function isOwnTunnelAddress(settings: RuleSettings, address: string | number): boolean {
  return holds(compiledOf(settings).tunnelRange, address)
}

export function isOwnPoolAddress(settings: RuleSettings, address: string | number): boolean {
  return holds(compiledOf(settings).poolRange, address)
}

function holds(range: Compiled['poolRange'], address: string | number): boolean {
  return range?.(typeof address === 'number' ? addressOfWord(address) : address) ?? false
}
