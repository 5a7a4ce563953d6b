import { attribution } from './attribution.ts'
import { bytesOf, type Delivery, lettersOf } from './delivery.ts'
import { InputError, quoted, RetryableError, reasonOf } from './errors.ts'
import type { Finding } from './finding.ts'
import { type Evidence, type Grouped, type GroupingSettings, group } from './grouping.ts'
import { loadIncident } from './incident-store.ts'
import { type InstanceRecord, instanceKey, readPacked, readRow, rowValue } from './instance-row.ts'
import {
  addAlert,
  addBusy,
  addCall,
  addCoverage,
  addFlow,
  addSeenName,
  BOUNDS,
  evict,
  type InstanceState,
  newState,
  settle,
} from './instance-state.ts'
import { instanceView } from './instance-view.ts'
import { inventoryKeys, ScopeRow } from './inventory.ts'
import { type Detection, findingOf, isFinding, judgeView } from './judging.ts'
import { recordCoverage } from './log-coverage.ts'
import { recordUses } from './neighbours.ts'
import type { Clock, DeadLetter, DeadLetters, Ledger, Log, Metrics, Queue } from './ports.ts'
import { prevalence, recordInstanceUses } from './prevalence.ts'
import { type Edited, rowCache } from './row-cache.ts'
import type { RuleSettings } from './rule-settings.ts'
import { type StateMemory, stateMemory } from './state-memory.ts'
import { packState, unpackState } from './state-packing.ts'

export interface WatchPorts {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly queue: Queue
  readonly deadLetters: DeadLetters
  readonly log: Log
  readonly metrics: Metrics
  /** Waits between lost races for a row. Without it the next try follows at once. */
  readonly pause?: (milliseconds: number) => Promise<void>
}

export interface WatchSettings extends GroupingSettings {
  readonly dnsCovered: boolean
  readonly rules: RuleSettings
  /** Milliseconds of the neighbour sketch's generations: how long back a neighbour's use is asked for. */
  readonly neighbourPeriod?: number
}

export interface Summary {
  readonly flows: number
  readonly repeated: number
  readonly late: number
  readonly outOfScope: number
  readonly unattributed: number
  readonly rejected: number
  readonly instances: number
  /** Sent now, those too that an earlier delivery decided and could not send. */
  readonly findings: readonly Finding[]
}

interface Watched {
  readonly owed: readonly Finding[]
  readonly repeated: number
  readonly late: number
}

const MAX_ROWS = 256
/** Bytes before compression: some 200 busy instances, and no more than a function's memory where they are flooded. */
const MAX_UNPACKED = 8_000_000
const AT_ONCE = 8
const DAY = 86_400_000
/** A silent connection stays tracked for five days, and so long the row must stand. */
const KEEP_FOR = 6 * DAY
/** Time for a fleet's common peers to have been seen; who is rare then is rare after a day too. */
const WARM_UP = 15 * 60_000
const SCOPE_FRESH_FOR = 60_000

/**
 * Takes one decoded delivery: attributes its records, keeps each instance's conversations, judges them and sends what is
 * found. Any delivery may come again, in any order and in parts. Rejects with `RetryableError` where something was not
 * carried through, so that it is delivered again.
 */
export function createWatch(
  ports: WatchPorts,
  settings: WatchSettings,
  detection: Detection,
): (delivery: Delivery) => Promise<Summary> {
  const { clock, ledger, queue, log, metrics } = ports
  const inventory = attribution(ledger, clock)
  const instances = rowCache(ledger, MAX_ROWS, ports.pause)
  const shared = rowCache(ledger, MAX_ROWS, ports.pause)
  const common = prevalence(ledger)
  const unpacked = stateMemory(MAX_UNPACKED)
  let scope: { readonly value: ReturnType<typeof readScope>; readonly at: number } | undefined

  function scopeNow() {
    const now = clock.now()
    if (scope && scope.at > now - SCOPE_FRESH_FOR) return scope.value
    const asked = { value: readScope(now), at: now }
    scope = asked
    asked.value.catch(() => {
      // The next delivery asks again.
      if (scope === asked) scope = undefined
    })
    return asked.value
  }

  async function readScope(now: number) {
    const [row, since] = await Promise.all([
      ledger.read(inventoryKeys.scope),
      // The first watch ever writes when it began, so that "nobody else uses this" is not said of the first minutes.
      shared.change({ partition: 'scope', sort: 'since' }, value => sinceOf(value, now)),
    ])
    return { size: row ? ScopeRow.parse(row.value).inScope : 0, since }
  }

  async function watchInstance(evidence: Evidence, counts: { repeated: number; late: number }): Promise<Finding[]> {
    const { row } = evidence
    const key = instanceKey(row.instance)
    const { size, since } = await scopeNow()
    const now = clock.now()
    const asked = new Set<string>()
    function prevalenceOf(peer: string): number | undefined {
      if (size === 0 || since > now - WARM_UP) return undefined
      const users = common.instances(peer, now)
      if (users === undefined) asked.add(peer)
      return users === undefined ? undefined : Math.min(1, Math.max(1, users) / size)
    }
    const corrupt: DeadLetter[] = []
    let loaded = false
    let closedAt: number | undefined
    function edit(value: unknown): Edited<Watched | 'ask'> {
      corrupt.length = 0
      asked.clear()
      const before = recordOf(value, now, row.instance, unpacked, corrupt)
      const added = addAll(before.state, evidence, name =>
        detection.rules.some(rule => rule.keeps?.(name, settings.rules)),
      )
      settle(before.state, Math.floor(now / 1000))
      const view = instanceView(before.state, {
        now: Math.floor(now / 1000),
        instance: row.instance,
        prevalence: prevalenceOf,
        scopeSize: size,
        covered: { dns: settings.dnsCovered },
        settings: settings.rules,
      })
      const judgement = judgeView(detection, view, settings.rules, ports)
      const found = findingOf(judgement, before, row, now, closedAt)
      const silenced = !found && before.told !== undefined && isFinding(judgement)
      if (!loaded && (asked.size > 0 || silenced)) return { result: 'ask' }
      const owed = found ? [...before.owed, found.finding] : before.owed
      const { packed, tightened, size: bytes } = packState(before.state, Math.floor(now / 1000))
      if (tightened > 0) metrics.count('StateTightened')
      const result = { owed, ...added }
      if (!found && before.packed && Buffer.compare(packed, before.packed) === 0) {
        unpacked.keep(before.packed, before.state, bytes)
        return { result }
      }
      unpacked.keep(packed, before.state, bytes)
      return { value: rowValue(packed, found?.told ?? before.told, owed), expires: now + KEEP_FOR, result }
    }
    let watched = await instances.change(key, edit)
    if (watched === 'ask') {
      // Only the rules know whose prevalence matters, and only what was told already needs to know of a release since.
      const [incident] = await Promise.all([loadIncident(ledger, row.instance), common.load([...asked], now)])
      closedAt = incident?.incident.closedAt
      loaded = true
      watched = await instances.change(key, edit)
    }
    if (watched === 'ask') throw new Error(`Cannot judge ${row.instance}: the prevalence was loaded and is not there`)
    counts.repeated += watched.repeated
    counts.late += watched.late
    if (corrupt.length > 0) {
      log.error('instance row was corrupt', { instance: row.instance })
      metrics.count('StateCorrupt')
      await ports.deadLetters.put(corrupt)
    }
    const { owed } = watched
    if (owed.length === 0) return []
    for (const finding of owed)
      await queue.send({ lane: finding.instance, id: finding.id, order: { kind: 'finding', finding } })
    await instances.change(key, value => withoutOwed(value, owed, clock.now()))
    return [...owed]
  }

  return async delivery => {
    const grouped = await group(delivery, inventory, settings, clock.now())
    const counts = { repeated: 0, late: 0 }
    const findings: Finding[] = []
    const failures: unknown[] = []
    const waiting = grouped.evidence.values()
    async function work(): Promise<void> {
      for (const evidence of waiting)
        try {
          findings.push(...(await watchInstance(evidence, counts)))
        } catch (thrown) {
          log.error('instance could not be judged', { instance: evidence.row.instance, reason: reasonOf(thrown) })
          failures.push(thrown)
        }
    }
    const shares = [
      recordUses(shared, [...grouped.uses, ...grouped.nameUses], settings.neighbourPeriod),
      recordCoverage(shared, grouped.covered),
      recordInstanceUses(shared, grouped.instanceUses),
      ports.deadLetters.put(lettersOf(delivery, grouped.unsound)),
    ]
    const settled = await Promise.allSettled([...shares, ...Array.from({ length: AT_ONCE }, work)])
    failures.push(...settled.flatMap(one => (one.status === 'rejected' ? [one.reason] : [])))
    const summary = summaryOf(delivery, grouped, counts, findings)
    report(metrics, summary)
    // What succeeded is not repeated by the redelivery: every part of it knows its records again.
    if (failures.length > 0)
      throw new RetryableError(`Cannot watch delivery of ${quoted(delivery.position)}: ${reasonOf(failures[0])}`, {
        cause: failures[0],
      })
    return summary
  }
}

/** A row that cannot be read would stop its instance's watch for ever: it is kept as a dead letter, and no proof rests on it. */
function recordOf(
  value: unknown,
  now: number,
  instance: string,
  unpacked: StateMemory,
  corrupt: DeadLetter[],
): Omit<InstanceRecord, 'packed'> & { readonly packed: Uint8Array | undefined } {
  if (value === undefined) return { state: newState(), packed: undefined, told: undefined, owed: [] }
  try {
    return readRow(value, packed => unpacked.take(packed) ?? unpackState(packed))
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
    const { partition, sort } = instanceKey(instance)
    corrupt.push({ source: 'ledger', position: `${partition}/${sort}`, reason: thrown.message, bytes: bytesOf(value) })
    return {
      state: { ...newState(), leftOpenAt: Math.floor(now / 1000) },
      packed: undefined,
      told: undefined,
      owed: [],
    }
  }
}

function addAll(state: InstanceState, evidence: Evidence, keeps: (name: string) => boolean) {
  let repeated = 0
  let late = 0
  for (const { flow, out } of evidence.flows) {
    const added = addFlow(state, flow, out)
    if (added === 'repeated') repeated++
    if (added === 'late') late++
    // A scan in one delivery must not need the memory of all its targets.
    if (state.conversations.size > 4 * BOUNDS.conversations) evict(state, 2 * BOUNDS.conversations)
  }
  for (const window of evidence.coverage) addCoverage(state, window)
  for (const seen of evidence.names) addSeenName(state, seen, keeps(seen.name))
  for (const { alert, out } of evidence.alerts) addAlert(state, alert, out)
  for (const load of evidence.loads) addBusy(state, load)
  for (const call of evidence.toolCalls) addCall(state, call)
  return { repeated, late }
}

function withoutOwed(value: unknown, sent: readonly Finding[], now: number): Edited<void> {
  if (value === undefined) return { result: undefined }
  const { packed, told, owed } = readPacked(value)
  const left = owed.filter(({ id }) => !sent.some(one => one.id === id))
  if (left.length === owed.length) return { result: undefined }
  return { value: rowValue(packed, told, left), expires: now + KEEP_FOR, result: undefined }
}

function sinceOf(value: unknown, now: number): Edited<number> {
  const since = typeof value === 'object' && value !== null && 'at' in value ? Number(value.at) : Number.NaN
  return Number.isFinite(since) ? { result: since } : { value: { at: now }, result: now }
}

function summaryOf(
  delivery: Delivery,
  { evidence, outOfScope, unattributed, unsound }: Grouped,
  { repeated, late }: { repeated: number; late: number },
  findings: readonly Finding[],
): Summary {
  return {
    flows: delivery.flows.length,
    repeated,
    late,
    outOfScope,
    unattributed: Object.values(unattributed).reduce((sum, count) => sum + count, 0),
    rejected: delivery.rejected.length + delivery.moreRejected + unsound.length,
    instances: evidence.size,
    findings,
  }
}

function report(metrics: Metrics, summary: Summary): void {
  metrics.count('Flows', summary.flows)
  const counts = {
    FlowsRepeated: summary.repeated,
    FlowsLate: summary.late,
    RecordsUnattributed: summary.unattributed,
    RecordsRejected: summary.rejected,
    Findings: summary.findings.length,
  }
  for (const [name, count] of Object.entries(counts)) if (count > 0) metrics.count(name, count)
}
