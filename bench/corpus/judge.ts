import type { Attribution, Holder } from '../../functions/core/attribution.ts'
import type { Delivery } from '../../functions/core/delivery.ts'
import type { Finding } from '../../functions/core/finding.ts'
import { type Evidence, group } from '../../functions/core/grouping.ts'
import type { Told } from '../../functions/core/instance-row.ts'
import {
  addAlert,
  addCall,
  addCoverage,
  addFlow,
  addSeenName,
  type InstanceState,
  newState,
  settle,
} from '../../functions/core/instance-state.ts'
import { instanceView } from '../../functions/core/instance-view.ts'
import type { InstanceRow } from '../../functions/core/inventory.ts'
import { findingOf, judgeView } from '../../functions/core/judging.ts'
import { memoryLedger } from '../../functions/core/memory-ledger.ts'
import { prevalence, recordInstanceUses } from '../../functions/core/prevalence.ts'
import { rowCache } from '../../functions/core/row-cache.ts'
import type { RuleSettings } from '../../functions/core/rule-settings.ts'
import { score } from '../../functions/core/score.ts'
import { rules } from '../../functions/rules/registry.ts'
import { type Fleet, WARM_UP } from './fleet.ts'
import { FIREWALL } from './traffic.ts'

export interface JudgeOptions {
  readonly fleet: Fleet
  readonly settings: RuleSettings
  /** Resolver logs cover the network. */
  readonly dnsCovered: boolean
  /** Whose traffic is judged here; who uses what is noted of all. */
  readonly judged: ReadonlySet<string>
}

export interface Judge {
  /** What is found in a delivery that arrives at `now`, milliseconds since the epoch. */
  take(delivery: Delivery, now: number): Promise<Finding[]>
}

const DAY = 86_400_000
const silent = { info: () => {}, warn: () => {}, error: (message: string, fields?: object) => fail(message, fields) }

function fail(message: string, fields?: object): never {
  throw new Error(`Cannot go on: ${message} ${JSON.stringify(fields)}`)
}

/** The engine of the watch function, with its states in memory instead of the ledger. An instance that is cut is left alone. */
export function createJudge({ fleet, settings, dnsCovered, judged }: JudgeOptions): Judge {
  const { start, residents, built } = fleet
  const rows = residents.map(resident => rowOf(fleet, resident.instance, resident.exempt))
  const scopeSize = residents.filter(({ exempt }) => !exempt).length
  const states = new Map<string, { readonly state: InstanceState; told: Told | undefined; cut: boolean }>()
  const isKept = (name: string) => rules.some(rule => rule.keeps?.(name, settings) === true)
  let clock = start
  const ledger = memoryLedger({ now: () => clock })
  const shared = rowCache(ledger, 256, undefined)
  const common = prevalence(ledger)
  const recorded = new Set<string>()
  const attribution = attributionOf(rows)
  const vpc = [...built.networks.values()][0] ?? ''

  function judge({ row, flows, coverage, names, alerts, toolCalls }: Evidence, now: number) {
    const held = states.get(row.instance) ?? { state: newState(), told: undefined, cut: false }
    states.set(row.instance, held)
    if (held.cut) return undefined
    const repeats =
      flows.length + alerts.length === 0 &&
      names.every(({ via, name }) => held.state.names.names.has(`${via} ${name}`) && !isKept(name))
    for (const { flow, out } of flows) addFlow(held.state, flow, out)
    for (const window of coverage) addCoverage(held.state, window)
    for (const seen of names) addSeenName(held.state, seen, isKept(seen.name))
    for (const { alert, out } of alerts) addAlert(held.state, alert, out)
    for (const call of toolCalls) addCall(held.state, call)
    // An ordinary name that was seen before and a tool call say nothing alone: they are judged with the flows that follow.
    if (repeats) return undefined
    settle(held.state, Math.floor(now / 1000))
    return held
  }

  return {
    async take(delivery, now) {
      clock = now
      const seen = dnsCovered ? delivery : { ...delivery, names: delivery.names.filter(({ via }) => via !== 'dns') }
      const grouped = await group(seen, attribution, { firewalls: { [FIREWALL]: vpc }, exemptInstances: [] }, now)
      const fresh = grouped.instanceUses.filter(({ instance, peer, at }) => {
        const key = `${Math.floor(at / DAY)} ${instance} ${peer}`
        if (recorded.has(key)) return false
        recorded.add(key)
        return true
      })
      if (fresh.length > 0) await recordInstanceUses(shared, fresh)
      const findings: Finding[] = []
      for (const evidence of grouped.evidence.values()) {
        const held = judged.has(evidence.row.instance) ? judge(evidence, now) : undefined
        if (!held) continue
        const asked = new Set<string>()
        const look = () => {
          const view = instanceView(held.state, {
            now: Math.floor(now / 1000),
            instance: evidence.row.instance,
            prevalence(peer) {
              if (now < start + WARM_UP / 4) return undefined
              const users = common.instances(peer, now)
              if (users === undefined) asked.add(peer)
              return users === undefined ? undefined : Math.min(1, Math.max(1, users) / scopeSize)
            },
            scopeSize,
            covered: { dns: dnsCovered },
            settings,
          })
          return judgeView({ rules, score }, view, settings, { log: silent, metrics: { count: () => {} } })
        }
        let judgement = look()
        if (asked.size > 0) {
          await common.load([...asked], now)
          judgement = look()
        }
        const found = findingOf(judgement, { told: held.told, owed: [] }, evidence.row, now, undefined)
        if (!found) continue
        held.told = found.told
        held.cut = found.finding.decision === 'isolate'
        findings.push(found.finding)
      }
      return findings
    },
  }
}

function rowOf({ built, start }: Fleet, instance: string, exempt: boolean): InstanceRow {
  const { cloud } = built
  const held = cloud.instances.get(instance)
  const interfaces = [...cloud.interfaces.values()]
    .filter(one => one.instance === instance)
    .map(({ id, subnet, address, vpc }) => ({
      vpc,
      row: { id, subnet, acl: cloud.subnets.get(subnet)?.acl ?? '', addresses: [address], publicAddresses: [] },
    }))
  return {
    instance,
    account: cloud.account,
    region: cloud.region,
    vpc: interfaces[0]?.vpc ?? '',
    launchedAt: held?.launchedAt ?? start,
    tags: held?.tags ?? {},
    // verify looks every few minutes; here nothing changes.
    scopedAt: start + 30 * DAY,
    ...(exempt && { exemptSince: start - 30 * DAY }),
    interfaces: interfaces.map(({ row }) => row),
    seenAt: start,
  }
}

/** The inventory of a fleet in which nothing changes hands. */
function attributionOf(rows: readonly InstanceRow[]): Attribution {
  const unknown: Holder = { known: false, reason: 'unknown' }
  const holders = rows.flatMap(row =>
    row.interfaces.map(
      one => ({ known: true, row, interface: one.id, acl: one.acl, addresses: one.addresses }) as const,
    ),
  )
  const byInterface = new Map(holders.map(holder => [holder.interface, holder]))
  const byAddress = new Map(holders.flatMap(holder => holder.addresses.map(address => [address, holder] as const)))
  const byInstance = new Map(holders.map(holder => [holder.row.instance, holder]))
  return {
    load: async () => {},
    byInterface: id => byInterface.get(id) ?? unknown,
    byAddress: address => byAddress.get(address) ?? unknown,
    byInstance: id => byInstance.get(id) ?? unknown,
    aclOf: id => byInterface.get(id)?.acl,
  }
}
