import type { Expectation } from '../../sandbox/scenario/scenario.ts'
import type { Trips } from './trips.ts'

/** What a drill showed: what Firebreak says beside the sandbox's own ground truth. */
export interface Outcome {
  readonly scenario: string
  readonly cloud: 'aws'
  readonly decision: 'none' | 'watch' | 'alert' | 'isolate'
  readonly incidents: number
  readonly cut: {
    /** As verify wrote it. */
    readonly state: string
    readonly reasons: readonly string[]
    /** Longest chain of EC2 calls from the receipt of the finding to the last swap or ACL answer, as the servers saw them. */
    readonly roundTrips: number
    readonly ledgerTrips: number
    /** Ground truth: bytes that really passed after the cut. */
    readonly residualBytes: number
    /** Interfaces in the quarantine group. */
    readonly interfaces: number
  }
  readonly volumes: number
  readonly snapshots: number
  /** Ground truth: files that the bucket holds with the digests that the incident names. */
  readonly evidence: { readonly files: number; readonly folder: string }
  readonly tickets: number
  readonly denied: readonly string[]
  /** Why peers were not denied. */
  readonly refusals: readonly string[]
  /** What the findings say of the tool calls that opened connections. */
  readonly toolCalls: readonly string[]
  /** Ground truth: what the instance was given to call the cloud with is still good for it. */
  readonly credentialsWork: boolean
  readonly escalated: boolean
  /** Of the instances that must not feel the cut, those whose bytes went on. */
  readonly untouched: readonly string[]
  /** Connections that lived through the cut. */
  readonly survivors: readonly { readonly label: string; readonly bytes: number }[]
  /** Milliseconds of virtual time from the beginning of the live phase to the cut; absent where nothing was cut. */
  readonly cutAfterMs?: number
  readonly deadLetters: number
  /** Of a drill that is played at a latency. */
  readonly latency?: Latency
}

export interface Latency {
  /** Milliseconds that every call took, whatever service it went to. */
  readonly callMs: number
  readonly all: Trips
  /** The same finding, with the steps alone that cut and ask for the snapshots. */
  readonly cutAlone: Trips
}

const MAX_ROUND_TRIPS = 3
const MAX_LEDGER_TRIPS = 2

/** Every expectation that did not hold, a sentence each. */
export function shortcomings(outcome: Outcome, expect: Expectation): string[] {
  const { cut } = outcome
  const found: string[] = []
  const same = (what: string, is: unknown, wanted: unknown) => {
    if (is !== wanted) found.push(`${what}: ${String(is)} instead of ${String(wanted)}`)
  }
  same('decision', outcome.decision, expect.decision)
  same('incidents', outcome.incidents, expect.incidents)
  same('tickets', outcome.tickets, expect.tickets)
  same('volumes', outcome.volumes, expect.volumes)
  same('snapshots', outcome.snapshots, expect.snapshots)
  same('state of the cut', cut.state, expect.cut.state)
  same('interfaces in quarantine', cut.interfaces, expect.cut.interfaces)
  same('peers denied', outcome.denied.toSorted().join(' ') || 'none', expect.denied.toSorted().join(' ') || 'none')
  same('escalated', outcome.escalated, expect.escalated)
  const survivors = outcome.survivors.map(({ label, bytes }) => `${label} (${bytes} bytes)`).join(', ')
  if (expect.cut.residualBytes === 'none' && cut.residualBytes > 0)
    found.push(`survived the cut: ${survivors || 'unnamed traffic'}, ${cut.residualBytes} bytes in all`)
  if (expect.cut.residualBytes === 'some' && cut.residualBytes === 0 && outcome.cutAfterMs !== undefined)
    found.push('nothing survived the cut, where the scenario lets something live on')
  if (cut.state === 'cut' && cut.residualBytes > 0)
    found.push(`verify wrote cut and the sandbox saw ${cut.residualBytes} bytes pass: they disagree`)
  if (cut.roundTrips > MAX_ROUND_TRIPS)
    found.push(`cloud round trips to the cut: ${cut.roundTrips}, at most ${MAX_ROUND_TRIPS} are allowed`)
  if (cut.ledgerTrips > MAX_LEDGER_TRIPS)
    found.push(`ledger round trips to the cut: ${cut.ledgerTrips}, at most ${MAX_LEDGER_TRIPS} are allowed`)
  if (outcome.latency) {
    const { all, cutAlone } = outcome.latency
    same('sequential round trips to the cut, beside those of the cut alone,', all.sequential, cutAlone.sequential)
    if (all.sequential > MAX_ROUND_TRIPS)
      found.push(`sequential round trips to the cut: ${all.sequential}, at most ${MAX_ROUND_TRIPS} are allowed`)
  }
  if (outcome.cutAfterMs !== undefined && outcome.credentialsWork)
    found.push("the instance's credentials still work after the cut")
  if (outcome.cutAfterMs !== undefined && outcome.evidence.files === 0)
    found.push('no evidence was collected: neither console nor configuration nor log records')
  for (const name of expect.untouched)
    if (!outcome.untouched.includes(name)) found.push(`${name} was to be left alone and its bytes stopped`)
  for (const reason of expect.reasons)
    if (!cut.reasons.some(one => one.includes(reason))) found.push(`no reason of the cut's state says "${reason}"`)
  for (const refusal of expect.refusals)
    if (!outcome.refusals.some(one => one.includes(refusal))) found.push(`no deny was refused because "${refusal}"`)
  for (const call of expect.toolCalls)
    if (!outcome.toolCalls.some(one => one.includes(call))) found.push(`no finding names the tool call "${call}"`)
  same('dead letters', outcome.deadLetters, 0)
  return found
}
