import { setImmediate as immediate } from 'node:timers/promises'
import type { VirtualClock } from '../clock.ts'
import type { LogStore } from '../logs/store.ts'
import { parseRange, textOf } from '../scenario/addresses.ts'
import type { Built, Member } from '../scenario/build.ts'
import { createRandom } from '../scenario/random.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { createAgentTrace } from './agent-trace.ts'
import { createCarrier, passageOf } from './carrier.ts'
import type { Delivery } from './delivery.ts'
import { type Driver, driveBreakout, driveWork, type Opening } from './drivers.ts'
import { createFirewallLog } from './firewall-log.ts'
import { FLOW_LOG_FIELDS } from './flow-log.ts'
import { callsTo, ordinary } from './ordinary.ts'
import { createRecorder } from './recorder.ts'
import { isFlowing, type Session } from './session.ts'
import { createTruth, type Survivor } from './truth.ts'

export interface NetworkOptions {
  readonly scenario: Scenario
  readonly built: Built
  /** Stands at the scenario's start; `run` moves it. */
  readonly clock: VirtualClock
  /** The log format, as a flow log is made with it. */
  readonly fields?: string
  /** How much of the history stands in one payload at most, milliseconds. */
  readonly historyBatch?: number
  /** Keeps what is written into the log groups. Default: nothing does. */
  readonly logs?: LogStore
}

export interface Network {
  /** When the live phase begins, milliseconds since the epoch. */
  readonly live: number
  readonly flowGroup: string
  readonly firewallGroup: string
  readonly traceGroup: string
  readonly fields: string
  /**
   * Lets time go on and yields each payload when it arrives, in order. The clock stands still while the receiver works,
   * unless the receiver moves it. May be called again to go on.
   */
  run(options: { until: number }): AsyncGenerator<Delivery, void>
  /** Ground truth, independent of every log: bytes that passed on any interface of the instance after the moment. */
  residualBytes(instance: string, since: number): number
  /** The same by what carried them, most first. */
  survivors(instance: string, since: number): Survivor[]
  /** All bytes since the history began. */
  bytesInAll(instance: string): number
}

const FLOW_GROUP = '/firebreak/sandbox/flow-log'
const FIREWALL_GROUP = '/firebreak/sandbox/firewall'

const TICK_MS = 5000
const HOUR_MS = 3_600_000

/** The small network: what the scenario's instances send, as the cloud's groups, tracking, ACLs and addresses let it. */
export function createNetwork(options: NetworkOptions): Network {
  const { scenario, built, clock } = options
  const { cloud } = built
  const { start } = scenario
  const live = start + scenario.history
  const { fields = FLOW_LOG_FIELDS, historyBatch = 12 * HOUR_MS } = options
  const truth = createTruth(live)
  const recorder = createRecorder({
    cloud,
    start,
    live,
    fields,
    flowGroup: FLOW_GROUP,
    firewallGroup: FIREWALL_GROUP,
    historyBatch,
    firewallFlows: scenario.firewall?.logs.includes('netflow') ?? false,
    flowLogDelay: scenario.flowLogDelay,
    firewallDelay: scenario.firewallDelay,
  })
  const trace = createAgentTrace(built, live)
  const firewall = watchOutside(scenario, built, recorder.firewall)
  const carrier = createCarrier(cloud, clock, live, createRandom(`${scenario.seed}/carrier`), {
    touch: recorder.touch,
    passed(end, at, bytes) {
      const instance = cloud.interfaces.get(end.interface)?.instance
      if (instance !== undefined) truth.record(instance, at, bytes, end.carried)
    },
    ...firewall,
  })
  const drivers = built.members.flatMap(member => driversOf(member, scenario, built, live))
  const closing = new Set(built.members.filter(({ spec }) => spec.closesAtCut).map(({ instance }) => instance))
  const groups = new Map([...cloud.interfaces.values()].map(one => [one.id, one.groups.join()]))
  for (const group of [FLOW_GROUP, FIREWALL_GROUP, trace.group]) options.logs?.create(group)
  let position = start

  function advance(to: number): void {
    while (position < to) {
      const windowEnd = recorder.windowEnd()
      const next = Math.min(to, windowEnd)
      if (next > position) {
        for (const driver of drivers) driver.advance(next, carrier.opener)
        position = next
      }
      // What happens at a live window's last moment still belongs to it, a cut above all.
      if (windowEnd < to || (windowEnd === to && to <= live)) recorder.closeWindow()
    }
  }

  cloud.changed.push(() => {
    const at = clock.now()
    advance(at)
    carrier.changed()
    for (const { id, groups: held, instance } of cloud.interfaces.values()) {
      const before = groups.get(id)
      groups.set(id, held.join())
      if (before === undefined || before === held.join()) continue
      if (scenario.faults.some(({ kind }) => kind === 'flow-log-stops')) recorder.stop(at)
      if (instance === undefined || !closing.has(instance)) continue
      for (const driver of drivers)
        if (driver.interface === id && driver.session()?.ordinary) driver.close(at, carrier.opener)
    }
    for (const driver of drivers)
      if (cloud.instances.get(driver.instance)?.state !== 'running') driver.drop(at, carrier.opener)
  })

  return {
    live,
    flowGroup: FLOW_GROUP,
    firewallGroup: FIREWALL_GROUP,
    traceGroup: trace.group,
    fields,
    async *run({ until }) {
      for (;;) {
        const now = clock.now()
        advance(now)
        const arrived = [...recorder.due(now), ...trace.due(now)].toSorted((a, b) => a.at - b.at)
        for (const delivery of arrived) {
          options.logs?.put(delivery)
          yield delivery
        }
        const passed = clock.now()
        if (passed >= until) return
        const stop = passed < live ? recorder.windowEnd() : passed - (passed % TICK_MS) + TICK_MS
        clock.set(Math.max(passed, Math.min(until, stop)))
        // A day of history is seconds of work: whoever else lives in this process gets a turn between its windows.
        await immediate()
      }
    },
    residualBytes: truth.bytesSince,
    survivors: truth.survivors,
    bytesInAll: truth.bytesInAll,
  }
}

function driversOf(member: Member, scenario: Scenario, built: Built, live: number): Driver[] {
  const { name, instance, interfaces, spec } = member
  const random = (what: string) => createRandom(`${scenario.seed}/${name}/${what}`)
  const at = (index: number) => interfaces[index % interfaces.length] ?? ''
  const addressOf = (other: string) => {
    const found = built.members.find(one => one.name === other)
    return built.cloud.interfaces.get(found?.interfaces[0] ?? '')?.address ?? ''
  }
  const rangeOf = (subnet: string) => {
    const { first } = parseRange(built.cloud.subnets.get(built.subnets.get(subnet) ?? '')?.cidr ?? '')
    return `${textOf(first)}/24`
  }
  return [
    ...spec.work.map((kind, index) =>
      driveWork(instance, at(index), kind, ordinary[kind], scenario.start, random(kind)),
    ),
    ...spec.uses.map(peer =>
      driveWork(instance, at(0), `calls to ${peer}`, callsTo(peer), scenario.start, random(peer)),
    ),
    ...spec.breakouts.map((breakout, index) =>
      driveBreakout(
        instance,
        at(breakout.interface),
        breakout,
        live,
        random(`${breakout.kind}/${index}`),
        addressOf,
        rangeOf,
      ),
    ),
  ]
}

/** What the managed firewall says of sessions that leave its network. */
function watchOutside(
  { firewall, seed }: Scenario,
  { cloud, networks }: Built,
  say: (type: string, at: number, message: string) => void,
) {
  const guarded = firewall && networks.get(firewall.network)
  const log = createFirewallLog(firewall?.name ?? '', `${cloud.region}a`)
  const says = new Set<string>(firewall?.logs)
  const random = createRandom(`${seed}/firewall`)
  const alerts = new Map<Session, number>()
  const crosses = ({ near, outside }: Session) =>
    outside && guarded !== undefined && cloud.interfaces.get(near.interface)?.vpc === guarded

  return {
    opened(session: Session, { recognised = false }: Opening, at: number): void {
      if (!crosses(session)) return
      if (session.serverName !== undefined && says.has('tls'))
        say('tls', at + 40, log.tls(at + 40, passageOf(session), session.serverName))
      if (recognised && says.has('alert')) alerts.set(session, at + 700)
    },
    /** Alerts recur with no clear pattern for as long as the mining goes on, as ROME's did. */
    observed(session: Session, to: number): void {
      let next = alerts.get(session)
      if (next === undefined) return
      for (; next <= Math.min(to, session.endedAt ?? to); next += random.between(4, 20) * 60_000)
        if (isFlowing(session)) say('alert', next, log.miningAlert(next, passageOf(session)))
      alerts.set(session, next)
    },
    ended(session: Session): void {
      alerts.delete(session)
      const at = session.endedAt
      if (!crosses(session) || at === undefined || !says.has('netflow')) return
      for (const message of log.netflow(at, passageOf(session), session.openedAt, session.sent, session.received))
        say('netflow', at, message)
    },
  }
}
