import type { Description } from '../../../core/description.ts'
import type { Finding } from '../../../core/finding.ts'
import type { Window } from '../log-search.ts'

/** Of FilterLogEvents. */
const MAX_PATTERN = 1024

/** What may stand in a quoted term as it is: ids and addresses do. */
const PLAIN = /^[\w.:-]{1,128}$/

type Subject = Pick<Description, 'instance' | 'interfaces'>

/**
 * Filter patterns that between them match what a log of a source says of an instance (CloudWatch Logs User Guide, "Filter pattern
 * syntax"). A source that is not known here is searched for the instance's id and addresses.
 */
export function patternsOf(source: string, { instance, interfaces }: Subject): string[] {
  const addresses = interfaces.flatMap(one => one.addresses)
  switch (source) {
    case 'aws-vpc-flow':
      return anyTerm(interfaces.map(({ id }) => id))
    case 'aws-resolver':
      return anyField([instance], own => [`$.srcids.instance = "${own}"`])
    case 'aws-network-firewall':
      return anyField(addresses, own => [`$.event.src_ip = "${own}"`, `$.event.dest_ip = "${own}"`])
    case 'agent-trace':
      return anyTerm([instance])
    default:
      return anyTerm([instance, ...addresses])
  }
}

function anyTerm(terms: readonly string[]): string[] {
  return inChunks(terms.filter(isPlain), chunk =>
    chunk.length === 1 ? `"${chunk[0]}"` : chunk.map(term => `?"${term}"`).join(' '),
  )
}

function anyField(values: readonly string[], conditions: (value: string) => string[]): string[] {
  return inChunks(values.filter(isPlain), chunk => {
    const all = chunk.flatMap(conditions)
    return `{ ${all.length === 1 ? all[0] : all.map(one => `(${one})`).join(' || ')} }`
  })
}

function isPlain(text: string): boolean {
  return PLAIN.test(text)
}

/** As few patterns as their length allows. */
function inChunks(values: readonly string[], pattern: (chunk: readonly string[]) => string): string[] {
  const chunks: string[][] = []
  for (const value of new Set(values)) {
    const last = chunks.at(-1)
    if (last && pattern([...last, value]).length <= MAX_PATTERN) last.push(value)
    else chunks.push([value])
  }
  return chunks.map(pattern)
}

/** What led to the finding, and what it did until it was cut. */
const BEFORE_MS = 15 * 60_000
const AFTER_MS = 60 * 60_000
/** A tunnel may have stood open for days; its flow log for so long would be no evidence that anybody reads. */
const LONGEST_MS = 6 * 60 * 60_000

/** The time around the signals of findings. */
export function windowOf(findings: readonly Pick<Finding, 'signals'>[], now: number): Window {
  const signals = findings.flatMap(finding => finding.signals)
  const first = Math.min(now, ...signals.map(one => one.first * 1000))
  const last = Math.max(first, ...signals.map(one => one.last * 1000))
  const to = Math.floor(Math.min(now, last + AFTER_MS))
  return { from: Math.max(0, Math.floor(first - BEFORE_MS), to - LONGEST_MS), to }
}
