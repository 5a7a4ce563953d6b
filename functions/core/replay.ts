import { wordOfAddress } from './address.ts'
import type { Decision } from './finding.ts'
import type { Alert, Coverage, Flow, NameSeen, Sink } from './flow.ts'
import { DESTINATION, END, type FlowRows, flowOf, INTERFACE, ROW, SOURCE } from './flow-rows.ts'
import type { Glimpse } from './glimpse.ts'
import { groupSound, type Sound, soundOf } from './grouping.ts'
import { addAlert, addBusy, addCall, addCoverage, addSeenName } from './instance-state.ts'
import { instanceView } from './instance-view.ts'
import { type Detection, type Judged, judgeView } from './judging.ts'
import type { Log } from './ports.ts'
import type { Held, Holders } from './replay-holders.ts'
import { type HeldState, heldState } from './replay-state.ts'
import { peerUsers } from './replay-users.ts'
import type { RuleSettings } from './rule-settings.ts'

/**
 * The functions' engine over logs that lie still: the same grouping, states, rules and score, with the newest record's time
 * for a clock and memory for a ledger. Times are seconds since the epoch.
 */
export interface Replay {
  readonly sink: Sink
  /** Judges what has not been judged yet. */
  end(): void
  totals(): { readonly conversations: number; readonly findings: number }
}

export interface ReplaySettings {
  /** `adopt`: an address that stood alone turned out to be the held interface's own. */
  readonly holdersOf: (adopt: (address: string, held: Held) => void) => Holders
  readonly rules: RuleSettings
  readonly dnsCovered: boolean
  /** An instance that is judged every minute, each time told to `told.judged`. */
  readonly explained?: string | undefined
}

export interface Told {
  finding(found: Found): void
  judged?(at: number, judged: Judged): void
  failed: Log
}

export interface Found {
  readonly instance: string
  readonly decision: Decision
  readonly score: number
  readonly signals: Judged['signals']
  /** The newest record when it was judged. */
  readonly at: number
}

interface Watched {
  readonly held: Held
  /** The bit by which the peers' sketch knows the instance. */
  readonly bit: number
  /** Its own address, once that is beyond doubt and the only one. */
  word: number
  readonly own: HeldState
  changed: boolean
  decision: Decision | undefined
  readonly peers: Set<string>
  /** Records between two inner addresses of which it is not known yet which is the interface's own. */
  unsided: Flow[]
}

/** S3 gets a flow log's records every five minutes (Amazon VPC User Guide, "Flow log files"), and so often they are judged. */
const PERIOD = 300
const RANK = { watch: 1, alert: 2, isolate: 3 } as const
/** Time for a fleet's common peers to have been seen, as the functions wait for it. */
const WARM_UP = 900
const MAX_UNSIDED = 64
/** No row's word. */
const NOT_KNOWN = -1
const NOTHING: Judged = { score: 0, decision: undefined, peers: [], signals: [], exhibits: [] }

export interface ReplayDetection extends Detection {
  /** The most points that a conversation can get to which no name leads, novelty of its peer left out. */
  readonly mostPoints: (seen: Glimpse, settings: RuleSettings) => number
}

export function createReplay(
  { holdersOf, rules, dnsCovered, explained }: ReplaySettings,
  detection: ReplayDetection,
  told: Told,
): Replay {
  const watched = new Map<string, Watched>()
  const changed = new Set<Watched>()
  const users = peerUsers()
  const firewalls: Record<string, string> = {}
  let interfaces: readonly string[] = []
  let now = 0
  let since = 0
  let due = 0
  let dueExplained = 0
  let findings = 0
  const metrics = { count() {} }
  const holders = holdersOf(adopt)
  const keeps = (name: string) => detection.rules.some(rule => rule.keeps?.(name, rules))

  function of(held: Held): Watched {
    const { instance } = held.row
    const known = watched.get(instance)
    if (known) return known
    const one = {
      held,
      bit: users.bitOf(instance),
      word: NOT_KNOWN,
      own: heldState(() => interfaces),
      changed: false,
      decision: undefined,
      peers: new Set<string>(),
      unsided: [],
    }
    watched.set(instance, one)
    return one
  }

  /** What firewalls and resolvers said of an address goes to the interface that has it, once that is known. */
  function adopt(address: string, held: Held): void {
    const other = watched.get(address)
    if (!other || other.held === held) return
    const { own } = of(held)
    const { state } = own
    own.take(other.own)
    for (const [key, one] of other.own.state.names.names)
      if (!state.names.names.has(key)) state.names.names.set(key, one)
    for (const [key, one] of other.own.state.names.suffixes)
      if (!state.names.suffixes.has(key)) state.names.suffixes.set(key, one)
    for (const [key, one] of other.own.state.alerts) if (!state.alerts.has(key)) state.alerts.set(key, one)
    watched.delete(address)
    changed.delete(other)
  }

  function touch(one: Watched): void {
    if (one.changed) return
    one.changed = true
    changed.add(one)
  }

  /** The clock is the newest record; before it moves past a period's end, what came in the period is judged. */
  function tick(time: number): void {
    if (time <= now) return
    if (since === 0) since = time
    if (time >= due) {
      if (now > 0) judgeAll()
      due = (Math.floor(time / PERIOD) + 1) * PERIOD
    }
    if (explained !== undefined && time >= dueExplained) {
      const one = watched.get(explained)
      if (one?.changed) explain(one)
      dueExplained = (Math.floor(time / 60) + 1) * 60
    }
    now = time
  }

  function flow(one: Watched, flow: Flow, out: boolean): void {
    one.own.add(flow, out)
    touch(one)
  }

  function side(one: Watched): void {
    const waiting = one.unsided
    one.unsided = []
    for (const waited of waiting) {
      const out = holders.outAfterAll(one.held, waited)
      if (out !== undefined) flow(one, waited, out)
    }
  }

  function ownFlow(given: Flow, networkInterface: string): void {
    const held = holders.held(networkInterface)
    if (!held?.inScope) return
    const one = of(held)
    const out = holders.outOf(held, given)
    if (out === undefined) {
      if (held.counts === undefined) return
      if (one.unsided.length >= MAX_UNSIDED) side(one)
      one.unsided.push(given)
      touch(one)
      return
    }
    if (one.unsided.length > 0) side(one)
    flow(one, given, out)
  }

  /** Whose each numbered interface is; `null` for nobody's in scope. */
  let numbered: (Watched | null | undefined)[] = []

  function numberedOf(number: number): Watched | null {
    const held = holders.held(interfaces[number] ?? '')
    const one = held?.inScope ? of(held) : null
    numbered[number] = one
    return one
  }

  function ownRows(rows: FlowRows): void {
    if (rows.interfaces !== interfaces) {
      interfaces = rows.interfaces
      numbered = []
    }
    const { words } = rows
    for (let at = 0, end = rows.count * ROW; at < end; at += ROW) {
      const time = words[at + END] ?? 0
      if (time > now) tick(time)
      const number = words[at + INTERFACE] ?? 0
      const one = numbered[number] ?? (numbered[number] === null ? null : numberedOf(number))
      if (!one) continue
      const isSource = words[at + SOURCE] === one.word
      if ((isSource || words[at + DESTINATION] === one.word) && one.unsided.length === 0) {
        one.own.addRow(words, at, isSource)
        if (!one.changed) touch(one)
      } else {
        ownFlow(flowOf(rows, at), interfaces[number] ?? '')
        const own = holders.ownOf(one.held)
        if (own !== undefined) one.word = wordOfAddress(own)
      }
    }
  }

  /** What does not name its interface is grouped as a delivery of its own. */
  function grouped(delivery: Partial<Sound>, at = now): void {
    const sound = soundOf(
      { flows: [], coverage: [], names: [], alerts: [], loads: [], toolCalls: [], ...delivery },
      at * 1000,
    )
    const { evidence } = groupSound(sound, holders, { firewalls, exemptInstances: [] }, 0)
    for (const { row, flows, coverage, names, alerts, loads, toolCalls } of evidence.values()) {
      const holder = holders.byInstance(row.instance, now)
      const held = holder.known ? holders.held(holder.interface) : undefined
      if (!held?.inScope) continue
      const one = of(held)
      for (const { flow: given, out } of flows) flow(one, given, out)
      for (const window of coverage) addCoverage(one.own.state, window)
      for (const seen of names) addSeenName(one.own.state, seen, keeps(seen.name))
      for (const { alert, out } of alerts) addAlert(one.own.state, alert, out)
      for (const load of loads) addBusy(one.own.state, load)
      for (const call of toolCalls) addCall(one.own.state, call, () => one.own.whole().conversations.values())
      touch(one)
    }
  }

  const points = (seen: Glimpse) => detection.mostPoints(seen, rules)

  function view(one: Watched): Judged {
    side(one)
    const { watch, alert, isolate } = rules.score
    const scopeSize = holders.scopeSize()
    const known = scopeSize > 0 && now >= since + WARM_UP
    const prevalence = (peer: string) =>
      known ? Math.min(1, Math.max(1, users.count(peer, now)) / scopeSize) : undefined
    const state = one.own.settled(now, {
      points,
      novelty: peer =>
        (dnsCovered ? rules.points.noDnsAnswer : 0) + (isRare(prevalence(peer)) ? rules.points.rarePeer : 0),
      mostNovelty: (dnsCovered ? rules.points.noDnsAnswer : 0) + Math.max(0, rules.points.rarePeer),
      least: Math.min(watch, alert, isolate),
      // After the first a decision is told when it rises, or for a new peer of an alert.
      news: one.decision === undefined ? Math.min(watch, alert, isolate) : Math.min(alert, isolate),
      targets: rules.probing.targets,
      encodedNames: rules.dnsTunnel.names,
    })
    const full = one.held.row.instance === explained
    if (!state && !full) return NOTHING
    const surroundings = { now, instance: one.held.row.instance, prevalence, scopeSize }
    const seen = instanceView(full || !state ? one.own.whole() : state, {
      ...surroundings,
      covered: { dns: dnsCovered },
      settings: rules,
    })
    return judgeView(detection, seen, rules, { log: told.failed, metrics })
  }

  function isRare(fraction: number | undefined): boolean {
    const scopeSize = holders.scopeSize()
    if (fraction === undefined) return false
    return (
      Math.round(fraction * scopeSize) <= 1 || (scopeSize >= rules.novelty.smallScope && fraction <= rules.novelty.rare)
    )
  }

  function judge(one: Watched): Judged {
    const judged = view(one)
    const { decision, score, signals, peers } = judged
    if (decision === undefined) return judged
    const fresh = peers.map(({ address, port, protocol }) => `${address} ${port} ${protocol}`)
    const news = fresh.filter(peer => !one.peers.has(peer))
    const rises = one.decision === undefined || RANK[decision] > RANK[one.decision]
    if (!rises && news.length === 0) return judged
    for (const peer of news) one.peers.add(peer)
    if (rises) one.decision = decision
    findings++
    told.finding({ instance: one.held.row.instance, decision, score, signals, at: now })
    return judged
  }

  function explain(one: Watched): void {
    told.judged?.(now, judge(one))
  }

  function judgeAll(): void {
    for (const { own, bit } of changed) own.look(now, points, (peer, at) => users.note(bit, peer, at))
    for (const one of changed) {
      one.changed = false
      if (one.held.row.instance === explained) explain(one)
      else judge(one)
    }
    changed.clear()
  }

  const ofFirewall = (firewall: string | undefined) => {
    if (firewall !== undefined) firewalls[firewall] = 'vpc'
  }

  return {
    sink: {
      rows: ownRows,
      flow(given) {
        tick(Math.floor(given.end))
        if (given.interface !== undefined) ownFlow(given, given.interface)
        else {
          ofFirewall(given.firewall)
          grouped({ flows: [given] })
        }
      },
      coverage(window: Coverage) {
        tick(window.end)
        grouped({ coverage: [window] })
      },
      name(seen: NameSeen) {
        tick(Math.floor(seen.time))
        ofFirewall(seen.firewall)
        grouped({ names: [holders.addressed(seen, seen.client, true)] })
      },
      alert(alert: Alert) {
        tick(Math.floor(alert.time))
        ofFirewall(alert.firewall)
        grouped({ alerts: [holders.addressed(alert, alert.source, false)] })
      },
      // What the agent says moves no clock: it may name any time.
      toolCall: call => grouped({ toolCalls: [call] }, Math.max(now, call.end)),
      load(load) {
        tick(Math.floor(load.time))
        grouped({ loads: [load] })
      },
      reject() {},
    },
    end: judgeAll,
    totals: () => ({ conversations: [...watched.values()].reduce((sum, { own }) => sum + own.begun(), 0), findings }),
  }
}
