import type { Decision, Peer } from './finding.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { Family, Signal } from './signal.ts'

/**
 * The score of an instance's signals. What counts, and why:
 *
 * - A case is one rule's signals on one peer. Signals on different peers do not add up: two weak suspicions are not one
 *   strong one, and a fleet's ordinary peers would sum to a cut. Different rules on one peer do not add up either: they
 *   are rival readings of the same packets. The instance's score is that of its strongest case.
 * - Within a case each family counts once for a conversation: the same rule on two ports of one peer is the same
 *   evidence twice, so the stronger conversation counts. Identity counts with its strongest signal, since two names of
 *   one service are one fact.
 * - What the host says (its tool calls, its load) and context of the whole instance stand beside every case, those that
 *   name a peer beside that peer's. A host signal that names a peer makes no case and raises none to an alert: the agent
 *   writes its tool calls, and most of its ordinary work is opened by one too. It counts towards the cut of what alerts.
 * - To isolate, a case needs the points, and besides one identity signal that reaches them alone or positive points in
 *   three families; a weak identity (a name without a connection) is no family of its own there. And it needs a signal that
 *   rests on what the instance itself sent, so that no outsider's packets lead to a cut.
 */
export interface Judgement {
  readonly score: number
  /** `undefined` below the watch threshold. */
  readonly decision: Decision | undefined
  /** Those of the cases that reach an alert: only they may be denied. */
  readonly peers: readonly Peer[]
  /** The signals of the cases that are at least watched, those of the strongest case first. */
  readonly signals: readonly Signal[]
}

/** What tells one kind of breakout from another on an instance: a rule, and the name where its case has no peer. */
export interface Scored extends Judgement {
  /** Those of the cases that reach an alert, each once: `<rule> <name or nothing>`. */
  readonly kinds: readonly string[]
}

interface Case {
  readonly score: number
  readonly decision: Decision | undefined
  readonly signals: readonly Signal[]
}

export function score(signals: readonly Signal[], settings: RuleSettings): Scored {
  const beside = signals.filter(isBeside)
  const apart = Map.groupBy(
    signals.filter(signal => !isBeside(signal)),
    ({ rule, peer }) => `${rule} ${peer ?? ''}`,
  )
  // In one order whatever else was seen, so that the same cases are told alike.
  const byKey = [...apart].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, own]) => own)
  const groups = byKey.length > 0 ? byKey : [[]]
  const cases = groups
    .map(own => [...own, ...beside.filter(({ peer }) => peer === undefined || peer === own[0]?.peer)])
    .map(all => judgeCase(all, settings))
    .toSorted((a, b) => b.score - a.score)
  const decisions = new Set(cases.map(({ decision }) => decision))
  const alerting = cases.filter(({ decision }) => decision === 'isolate' || decision === 'alert')
  return {
    score: Math.max(0, cases[0]?.score ?? 0),
    decision: (['isolate', 'alert', 'watch'] as const).find(decision => decisions.has(decision)),
    peers: peersOf(alerting),
    kinds: kindsOf(alerting),
    signals: [...new Set(cases.filter(({ decision }) => decision !== undefined).flatMap(one => one.signals))],
  }
}

/** What the host says, and context of the whole instance: it stands beside the cases and makes none. */
function isBeside({ family, peer }: Signal): boolean {
  return family === 'host' || (family === 'context' && peer === undefined)
}

function isOfPeerAndHost({ family, peer }: Signal): boolean {
  return family === 'host' && peer !== undefined
}

function judgeCase(signals: readonly Signal[], settings: RuleSettings): Case {
  const { watch, alert, isolate, families } = settings.score
  const totals = [...Map.groupBy(signals, ({ family }) => family)].map(
    ([family, of]) => [family, pointsOf(family, of)] as const,
  )
  const sum = totals.reduce((before, [, points]) => before + points, 0)
  const seen = sum - pointsOf('host', signals.filter(isOfPeerAndHost))
  const total = seen >= alert ? sum : Math.min(sum, Math.max(seen, alert - 1))
  const proven = signals.some(({ family, points }) => family === 'identity' && points >= isolate)
  const independent = totals.filter(([family, points]) => points > 0 && family !== 'identity').length
  const own = signals.some(signal => signal.own === true)
  const decision =
    total >= isolate && own && (proven || independent >= families)
      ? 'isolate'
      : total >= alert
        ? 'alert'
        : total >= watch
          ? 'watch'
          : undefined
  return { score: total, decision, signals }
}

function pointsOf(family: Family, signals: readonly Signal[]): number {
  if (family === 'identity') return Math.max(...signals.map(({ points }) => points))
  const conversations = Map.groupBy(signals, ({ peer, port, protocol }) =>
    peer === undefined ? '' : `${peer} ${port ?? ''} ${protocol ?? ''}`,
  )
  const about = conversations.get('') ?? []
  conversations.delete('')
  const sum = (of: readonly Signal[]) => of.reduce((total, { points }) => total + points, 0)
  const strongest = [...conversations.values()].map(sum)
  return sum(about) + (strongest.length > 0 ? Math.max(...strongest) : 0)
}

function kindsOf(cases: readonly Case[]): string[] {
  const kinds = new Set<string>()
  for (const signal of cases.flatMap(({ signals }) => signals))
    if (!isBeside(signal) && signal.points > 0)
      kinds.add(`${signal.rule} ${signal.peer === undefined ? (signal.name ?? '') : ''}`)
  return [...kinds]
}

function peersOf(cases: readonly Case[]): Peer[] {
  const peers = new Map<string, Peer>()
  for (const { peer, port, protocol } of cases.flatMap(({ signals }) => signals))
    if (peer !== undefined && port !== undefined && protocol !== undefined)
      peers.set(`${peer} ${port} ${protocol}`, { address: peer, port, protocol })
  return [...peers.values()]
}
