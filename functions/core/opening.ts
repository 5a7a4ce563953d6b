import type { Finding, Peer } from './finding.ts'
import type { Incident } from './incident.ts'
import { withLines } from './incident-store.ts'
import { emptyJournal } from './journal.ts'
import type { Judged } from './policy.ts'

/** Bounds that keep an incident's row far below a ledger item's 400 KB. */
const MAX_FINDINGS = 8
const MAX_FINDING_IDS = 500
const MAX_FINDINGS_BYTES = 128_000
/** What is left of a finding's signals where all of them do not fit. */
const KEPT_SIGNALS = 8

/** The incident that a finding opens. Nothing is decided about its peers yet. */
export function openFor(finding: Finding, judged: Judged, id: string, now: number): Incident {
  const opened: Incident = {
    id,
    instance: finding.instance,
    account: finding.account,
    region: finding.region,
    openedAt: now,
    drill: finding.drill,
    verdict: judged.verdict,
    verdictReason: judged.reason,
    findings: fitting([finding]),
    findingIds: [finding.id],
    residual: [],
    denials: [],
    steps: {},
    cut: { state: judged.verdict === 'isolate' ? 'pending' : 'none', reasons: [] },
    journal: emptyJournal,
    pending: [],
  }
  return withLines(opened, [{ at: now, kind: 'opened', text: `${summary(finding)}. ${judged.reason}` }])
}

const RANK: readonly Incident['verdict'][] = ['refused', 'alert', 'observe', 'approval', 'isolate']

/**
 * The open incident with one finding more. A real finding makes an incident real that began as a drill; a drill decides
 * nothing about a real one.
 */
export function join(incident: Incident, finding: Finding, judged: Judged, now: number): Incident {
  const drill = incident.drill && finding.drill
  const rises =
    RANK.indexOf(judged.verdict) > RANK.indexOf(incident.verdict) &&
    incident.releasedBy === undefined &&
    finding.drill === drill
  return withLines(
    {
      ...incident,
      drill,
      findings: fitting([...incident.findings, finding]),
      findingIds: [...incident.findingIds, finding.id].slice(-MAX_FINDING_IDS),
      ...(rises ? { verdict: judged.verdict, verdictReason: judged.reason } : {}),
    },
    [
      { at: now, kind: 'joined', text: `${summary(finding)}. ${judged.reason}` },
      ...(incident.drill && !drill
        ? [{ at: now, kind: 'note', text: 'This is no drill any more: the finding is real' } as const]
        : []),
    ],
  )
}

function summary({ decision, score, signals, drill }: Finding): string {
  const rules = [...new Set(signals.map(({ rule }) => rule))].join(', ')
  return `${drill ? 'Drill: ' : ''}Finding of ${rules} with score ${score} (${decision})`
}

export function peersOf(incident: Incident): Peer[] {
  return [...incident.findings.flatMap(({ peers }) => peers), ...incident.residual]
}

/** The largest finding loses its exhibits first, then its weaker signals; then the weakest finding leaves. */
function fitting(findings: readonly Finding[]): Finding[] {
  const kept = [...findings]
  while (kept.length > MAX_FINDINGS) kept.splice(weakest(kept), 1)
  for (;;) {
    const sizes = kept.map(one => Buffer.byteLength(JSON.stringify(one)))
    if (sizes.reduce((sum, size) => sum + size, 0) <= MAX_FINDINGS_BYTES) return kept
    const at = sizes.indexOf(Math.max(...sizes))
    const largest = kept[at]
    if (largest && largest.exhibits.length > 0) kept[at] = { ...largest, exhibits: [] }
    else if (largest && largest.signals.length > KEPT_SIGNALS) kept[at] = { ...largest, signals: strongest(largest) }
    else if (kept.length > 1) kept.splice(weakest(kept), 1)
    else return kept
  }
}

/** The newest stays: its peers are not denied yet. */
function weakest(findings: readonly Finding[]): number {
  const scores = findings.slice(0, -1).map(({ score }) => score)
  return scores.indexOf(Math.min(...scores))
}

function strongest({ signals }: Finding): Finding['signals'] {
  return signals.toSorted((a, b) => Math.abs(b.points) - Math.abs(a.points)).slice(0, KEPT_SIGNALS)
}
