import { createHash } from 'node:crypto'
import { reasonOf } from './errors.ts'
import type { Exhibit, Finding, Peer } from './finding.ts'
import { type InstanceRecord, MAX_OWED, type Told } from './instance-row.ts'
import { exhibitOf } from './instance-view.ts'
import type { InstanceRow } from './inventory.ts'
import type { Log, Metrics } from './ports.ts'
import type { InstanceView, Rule } from './rule.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { Judgement, Scored } from './score.ts'
import type { Signal } from './signal.ts'

export interface Detection {
  readonly rules: readonly Rule[]
  readonly score: (signals: readonly Signal[], settings: RuleSettings) => Scored
}

/** A judgement with the conversations that the report shows. */
export interface Judged extends Judgement {
  readonly exhibits: readonly Exhibit[]
}

const RANK = { watch: 0, alert: 1, isolate: 2 } as const
/** A finding stands in the instance's row until it is sent, and travels in one queue message. */
const MAX_SIGNALS = 32
const MAX_PEERS = 64
const MAX_EXHIBITS = 16
const MAX_TOLD_PEERS = 128
/** Of one rule: who asks for ever new names must not use up what another kind of breakout is told by. */
const MAX_TOLD_KINDS = 8
const MAX_KINDS = 128
/** Who rotates peers gets no more findings than this in a day: they are all in the conversations that the next one shows. */
const MAX_FINDINGS = 64
const REPEAT_AFTER = 24 * 3_600_000

/** Runs the rules over the view. One that throws stays silent and is counted; the others are heard. */
export function judgeView(
  { rules, score }: Detection,
  view: InstanceView,
  settings: RuleSettings,
  { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
): Judged & Scored {
  const signals = rules.flatMap(rule => {
    try {
      return rule.judge(view)
    } catch (thrown) {
      log.error('rule failed', { rule: rule.id, instance: view.instance, reason: reasonOf(thrown) })
      metrics.count('RuleFailed')
      return []
    }
  })
  const judgement = score(signals, settings)
  const named = new Set(judgement.peers.map(peerName))
  const shown = view.conversations.filter(one => named.has(peerName({ ...one, address: one.peer })))
  return { ...judgement, exhibits: shown.slice(0, MAX_EXHIBITS).map(exhibitOf) }
}

function peerName({ address, port, protocol }: Peer): string {
  return `${address} ${port} ${protocol}`
}

/** Whether a judgement is more than watching. */
export function isFinding({ decision }: Judgement): boolean {
  return decision === 'alert' || decision === 'isolate'
}

/**
 * The finding that a judgement is worth, if any, and what then has been told: when the decision rises, when it names a new
 * peer or a new kind of breakout, when a day has passed, or when something was seen after the instance was released
 * (`closedAt`, milliseconds). The id rests on the records and on what was told before: the same records give the same id.
 */
export function findingOf(
  judged: Judged & Pick<Scored, 'kinds'>,
  { told, owed }: Pick<InstanceRecord, 'told' | 'owed'>,
  row: InstanceRow,
  now: number,
  closedAt: number | undefined,
): { readonly finding: Finding; readonly told: Told } | undefined {
  const { score, decision, exhibits } = judged
  if (decision === undefined || decision === 'watch' || owed.length >= MAX_OWED) return undefined
  const signals = judged.signals.slice(0, MAX_SIGNALS)
  const peers = judged.peers.slice(0, MAX_PEERS)
  const newest = Math.max(...signals.map(({ last }) => last)) * 1000
  const released = closedAt !== undefined && told !== undefined && told.at <= closedAt && newest > closedAt
  const valid = told && told.at > now - REPEAT_AFTER && !released ? told : undefined
  const fresh = peers.filter(peer => !valid?.peers.includes(peerName(peer)))
  const known = valid?.kinds ?? []
  const kinds = withFresh(known, judged.kinds)
  const rises = RANK[decision] > RANK[valid?.decision ?? 'watch']
  const news = fresh.length > 0 || kinds.length > known.length
  if (!rises && (!news || (valid?.findings ?? 0) >= MAX_FINDINGS)) return undefined
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
    signals,
    peers,
    exhibits: [...exhibits],
    drill: false,
  }
  return {
    finding,
    told: {
      decision: rises ? decision : (valid?.decision ?? decision),
      peers: [...(valid?.peers ?? []), ...fresh.map(peerName)].slice(-MAX_TOLD_PEERS),
      kinds,
      at: valid?.at ?? now,
      findings: (valid?.findings ?? 0) + 1,
    },
  }
}

/** Those that were told and the others, as many as there is room for: what finds none is never told again and again. */
function withFresh(told: readonly string[], kinds: readonly string[]): string[] {
  const all = [...told]
  for (const kind of kinds) {
    const rule = kind.slice(0, kind.indexOf(' ') + 1)
    const ofRule = all.filter(one => one.startsWith(rule)).length
    if (!all.includes(kind) && ofRule < MAX_TOLD_KINDS && all.length < MAX_KINDS) all.push(kind)
  }
  return all
}
