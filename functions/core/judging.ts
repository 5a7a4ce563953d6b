import { createHash } from 'node:crypto'
import { reasonOf } from './errors.ts'
import type { Exhibit, Finding, Peer } from './finding.ts'
import type { Told } from './instance-row.ts'
import { exhibitOf } from './instance-view.ts'
import type { InstanceRow } from './inventory.ts'
import type { Log, Metrics } from './ports.ts'
import type { InstanceView, Rule } from './rule.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { Signal } from './signal.ts'

export interface Detection {
  readonly rules: readonly Rule[]
  readonly score: (
    signals: readonly Signal[],
    settings: RuleSettings,
  ) => { readonly score: number; readonly decision: Finding['decision'] }
}

export interface Judgement {
  readonly score: number
  readonly decision: Finding['decision']
  readonly signals: readonly Signal[]
  readonly peers: readonly Peer[]
  readonly exhibits: readonly Exhibit[]
}

const RANK = { watch: 0, alert: 1, isolate: 2 } as const
/** A finding stands in the instance's row until it is sent, and travels in one queue message. */
const MAX_SIGNALS = 32
const MAX_PEERS = 64
const MAX_EXHIBITS = 16
const MAX_TOLD_PEERS = 128
/** Who rotates peers gets no more findings than this in a day: they are all in the conversations that the next one shows. */
const MAX_FINDINGS = 64
const REPEAT_AFTER = 24 * 3_600_000

/** Runs the rules over the view. One that throws stays silent and is counted; the others are heard. */
export function judgeView(
  { rules, score }: Detection,
  view: InstanceView,
  settings: RuleSettings,
  { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
): Judgement {
  const signals = rules.flatMap(rule => {
    try {
      return rule.judge(view)
    } catch (thrown) {
      log.error('rule failed', { rule: rule.id, instance: view.instance, reason: reasonOf(thrown) })
      metrics.count('RuleFailed')
      return []
    }
  })
  const peers = namedPeers(signals, part => score(part, settings).decision)
  const named = new Set(peers.map(peerName))
  const exhibits = view.conversations.filter(one => named.has(peerName({ ...one, address: one.peer }))).map(exhibitOf)
  const weightiest = signals.toSorted((a, b) => Math.abs(b.points) - Math.abs(a.points)).slice(0, MAX_SIGNALS)
  return {
    ...score(signals, settings),
    signals: weightiest,
    peers: peers.slice(0, MAX_PEERS),
    exhibits: exhibits.slice(0, MAX_EXHIBITS),
  }
}

function peerName({ address, port, protocol }: Peer): string {
  return `${address} ${port} ${protocol}`
}

/**
 * The peers that a tunnel or mining signal names: those whose own signals would raise an alert alone. Where only all
 * together do, the one with the most points. Context and novelty name no peer by themselves.
 */
function namedPeers(signals: readonly Signal[], decide: (signals: readonly Signal[]) => Finding['decision']): Peer[] {
  const byPeer = new Map<string, { peer: Peer; signals: Signal[] }>()
  for (const signal of signals) {
    if (signal.peer === undefined || signal.port === undefined || signal.protocol === undefined) continue
    const peer = { address: signal.peer, port: signal.port, protocol: signal.protocol }
    const one = byPeer.get(peerName(peer)) ?? { peer, signals: [] }
    byPeer.set(peerName(peer), one)
    one.signals.push(signal)
  }
  const accused = [...byPeer.values()].filter(one =>
    one.signals.some(({ family, points }) => points > 0 && (family === 'identity' || family === 'shape')),
  )
  const points = (one: { signals: Signal[] }) => one.signals.reduce((sum, signal) => sum + signal.points, 0)
  const ranked = accused.toSorted((a, b) => points(b) - points(a))
  const clear = ranked.filter(one => decide(one.signals) !== 'watch')
  return (clear.length > 0 ? clear : ranked.slice(0, 1)).map(({ peer }) => peer)
}

/**
 * The finding that a judgement is worth, if any, and what then has been told: when the decision rises, when it names a new
 * peer, or when a day has passed. The id rests on the records alone: the same records give the same id.
 */
export function findingOf(
  judgement: Judgement,
  told: Told | undefined,
  row: InstanceRow,
  now: number,
): { readonly finding: Finding; readonly told: Told } | undefined {
  const { score, decision, signals, peers, exhibits } = judgement
  if (decision === 'watch') return undefined
  const valid = told && told.at > now - REPEAT_AFTER ? told : undefined
  const fresh = peers.filter(peer => !valid?.peers.includes(peerName(peer)))
  const rises = RANK[decision] > RANK[valid?.decision ?? 'watch']
  if (!rises && (fresh.length === 0 || (valid?.findings ?? 0) >= MAX_FINDINGS)) return undefined
  const rests = signals.map(({ rule, peer, port, protocol, name, first, last }) =>
    [rule, peer, port, protocol, name, first, last].map(field => field ?? ''),
  )
  const id = createHash('sha256')
    .update(JSON.stringify([row.account, row.instance, decision, told?.at ?? 0, told?.findings ?? 0, rests]))
    .digest('hex')
  const finding: Finding = {
    id,
    at: now,
    decision,
    score,
    account: row.account,
    region: row.region,
    instance: row.instance,
    placement: {
      vpc: row.vpc,
      interfaces: row.interfaces.slice(0, 64).map(({ id: one, subnet, acl }) => ({ id: one, subnet, acl })),
    },
    signals: [...signals],
    peers: [...peers],
    exhibits: [...exhibits],
    drill: false,
  }
  return {
    finding,
    told: {
      decision: rises ? decision : (valid?.decision ?? decision),
      peers: [...(valid?.peers ?? []), ...fresh.map(peerName)].slice(-MAX_TOLD_PEERS),
      at: valid?.at ?? now,
      findings: (valid?.findings ?? 0) + 1,
    },
  }
}
