import { contains, parseCidr } from './address.ts'
import type { Description } from './description.ts'
import type { Mode, ModeException, Suppression } from './exceptions.ts'
import type { Finding } from './finding.ts'
import type { InstanceRow } from './inventory.ts'
import { type Policy, TAG_TRUST_MS } from './policy.ts'
import type { RuleSettings } from './rule-settings.ts'
import { score } from './score.ts'
import type { Signal } from './signal.ts'
import { compileSuffixes } from './suffixes.ts'
import { matches, selectorText, type TagSelector } from './tag-selector.ts'

/** A finding with what the operator said about its rules and its instance. */
export interface Weighed {
  /** What is left of it without the suppressed signals; `undefined`: nothing that anybody need be told. */
  readonly finding: Finding | undefined
  readonly mode: Mode
  /** Those that silenced a signal. */
  readonly suppressions: readonly Suppression[]
  /** Those that would have, had they not expired. */
  readonly expired: readonly Suppression[]
}

/** What is known of an instance's tags: now, within the last 24 hours, and for longer than that. */
type View = 'now' | 'lately' | 'long'

interface Standing {
  readonly description: Description | undefined
  readonly row: InstanceRow | undefined
  readonly now: number
}

const STRICT: readonly Mode[] = ['observe', 'approve', 'enforce']
const VIEWS: readonly View[] = ['now', 'lately', 'long']
const DAY_MS = 24 * 3_600_000

/**
 * Takes away what is suppressed and finds the mode of the rest: enforce where what may be enforced reaches a cut by itself.
 * A drill is neither silenced nor held back.
 */
export function weigh(finding: Finding, standing: Standing, policy: Policy, rules: RuleSettings): Weighed {
  if (finding.drill) return { finding, mode: policy.mode, suppressions: [], expired: [] }
  const hits = finding.signals.map(signal =>
    policy.suppressions.filter(one => silences(one, finding, signal, standing)),
  )
  const running = hits.map(of => of.filter(one => !isOver(one, standing.now)))
  const left = finding.signals.filter((_, at) => running[at]?.length === 0)
  const rest = left.length === finding.signals.length ? finding : without(finding, left, rules)
  return {
    finding: rest,
    mode: modeOf(rest ?? finding, standing, policy, rules),
    suppressions: [...new Set(running.flat())],
    expired: [...new Set(hits.flat())].filter(one => isOver(one, standing.now)),
  }
}

function isOver({ expires }: Suppression, now: number): boolean {
  return Date.parse(expires) + DAY_MS <= now
}

/** A tag silences only when it is older than 24 hours: whoever took an instance over may write tags. */
function silences(one: Suppression, finding: Finding, signal: Signal, standing: Standing): boolean {
  if (one.instance !== undefined && one.instance !== finding.instance) return false
  if (one.peer !== undefined) {
    const range = parseCidr(one.peer)
    if (!range || signal.peer === undefined || !contains(range, signal.peer)) return false
  }
  if (one.name !== undefined) {
    const under = compileSuffixes([[one.name, true]])
    if (signal.name === undefined || !under(signal.name.toLowerCase())) return false
  }
  return applies(one, signal.rule, standing, 'long')
}

function applies(
  { rule, vpc, scope }: Pick<ModeException, 'rule' | 'vpc' | 'scope'>,
  ofRule: string,
  standing: Standing,
  view: View,
): boolean {
  if (rule !== undefined && rule !== ofRule) return false
  if (vpc !== undefined && vpc !== standing.description?.vpc) return false
  return scope === undefined || isSelected(scope, standing, view)
}

function isSelected(scope: TagSelector, { description, row, now }: Standing, view: View): boolean {
  if (view === 'now') return description !== undefined && matches(description.tags, scope)
  const selected = row?.selected?.[selectorText(scope)]
  if (!selected) return false
  const { since, until } = selected
  return view === 'long' ? until === undefined && since <= now - TAG_TRUST_MS : (until ?? now) > now - TAG_TRUST_MS
}

/** Without the silenced signals, and judged by what is left: never higher than before. */
function without(finding: Finding, signals: readonly Signal[], rules: RuleSettings): Finding | undefined {
  const judged = score(signals, rules)
  if (judged.decision !== 'alert' && judged.decision !== 'isolate') return undefined
  const named = new Set(signals.map(({ peer }) => peer))
  return {
    ...finding,
    signals: [...signals],
    peers: finding.peers.filter(({ address }) => named.has(address)),
    score: Math.min(finding.score, judged.score),
    decision: finding.decision === 'isolate' ? judged.decision : finding.decision,
  }
}

function modeOf({ signals }: Finding, standing: Standing, policy: Policy, rules: RuleSettings): Mode {
  if (policy.modes.length === 0) return policy.mode
  const modes = signals.map(({ rule }) => strictest(rule, standing, policy))
  const [only, ...others] = new Set(modes)
  if (only === undefined) return policy.mode
  if (others.length === 0) return only
  const reaching = (least: Mode) => {
    const counted = signals.filter((_, at) => STRICT.indexOf(modes[at] ?? 'observe') >= STRICT.indexOf(least))
    return score(counted, rules).decision === 'isolate'
  }
  return reaching('enforce') ? 'enforce' : reaching('approve') ? 'approve' : 'observe'
}

/** The strictest of what the tags say now, said lately and have said for long: no tag that was just written or taken away lowers it. */
function strictest(rule: string, standing: Standing, { mode, modes }: Policy): Mode {
  const said = VIEWS.map(view => modes.find(one => applies(one, rule, standing, view))?.mode ?? mode)
  return STRICT.findLast(one => said.includes(one)) ?? mode
}
