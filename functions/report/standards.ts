import type { Finding } from '../core/finding.ts'
import type { Rule } from '../core/rule.ts'
import { plain } from './text.ts'

/** What a finding needs besides itself to be told in another product's words. */
export interface Telling {
  /** Firebreak's version. */
  readonly version: string
  readonly provider: 'aws' | 'aliyun'
  readonly rules: readonly Pick<Rule, 'id' | 'title' | 'severity' | 'falsePositives' | 'runbook'>[]
}

/** The rules that speak against the instance, strongest signal first. */
export function rulesAgainst(finding: Finding, { rules }: Telling): Telling['rules'] {
  const ids = finding.signals
    .filter(({ points }) => points > 0)
    .toSorted((a, b) => b.points - a.points)
    .map(({ rule }) => rule)
  return [...new Set(ids)].flatMap(id => rules.find(rule => rule.id === id) ?? [])
}

export function titleOfFinding(finding: Finding, telling: Telling): string {
  const titles = rulesAgainst(finding, telling).map(({ title }) => title)
  const what = titles.length > 0 ? titles.join(' and ').toLowerCase() : 'finding'
  return `${finding.drill ? 'Drill: ' : ''}${what.charAt(0).toUpperCase()}${what.slice(1)} on ${finding.instance}`
}

/** Which rule saw what, and what it would take to be benign: enough to agree or disagree. */
export function caseFor(finding: Finding, telling: Telling): string {
  const seen = finding.signals.map(({ points, detail }) => `${points > 0 ? '+' : ''}${points} ${detail}`)
  const benign = rulesAgainst(finding, telling).flatMap(({ falsePositives }) => falsePositives)
  return [
    `Score ${finding.score}, ${finding.decision}: ${seen.join('; ')}`,
    ...(benign.length > 0 ? [`Benign if: ${benign.join('; ')}`] : []),
  ].join('. ')
}

export function nextSteps(finding: Finding, telling: Telling): string {
  return rulesAgainst(finding, telling)
    .flatMap(({ runbook }) => runbook)
    .join('. ')
}

/** Milliseconds since the epoch of the first and the last record that the finding rests on. */
export function spanOf({ signals, at }: Finding): { readonly first: number; readonly last: number } {
  if (signals.length === 0) return { first: at, last: at }
  return {
    first: Math.min(...signals.map(({ first }) => first)) * 1000,
    last: Math.max(...signals.map(({ last }) => last)) * 1000,
  }
}

const GRADES = ['low', 'medium', 'high', 'critical'] as const

/** How bad: the gravest rule's severity where the instance is to be isolated, a grade less for an alert, low for a watch. */
export function severityOf(finding: Finding, telling: Telling): (typeof GRADES)[number] {
  const gravest = Math.max(0, ...rulesAgainst(finding, telling).map(({ severity }) => GRADES.indexOf(severity)))
  const less = { isolate: 0, alert: 1, watch: GRADES.length }[finding.decision]
  return GRADES[Math.max(0, gravest - less)] ?? 'low'
}

/** One line in which everything can be seen, of at most so many UTF-16 units, no character cut in two. */
export function cut(text: string, most: number): string {
  const seen = plain(text)
  return seen.length > most ? `${seen.slice(0, most - 1).toWellFormed()}…` : seen
}
