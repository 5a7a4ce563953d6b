import { ACK, type Alert, FIN, type Flow, type Load, type NameSeen, SYN, TCP, type ToolCall } from './flow.ts'
import { addAlert, addBusy, addCall, addFlow, addSeenName, newState, settle } from './instance-state.ts'
import { instanceView } from './instance-view.ts'
import type { InstanceView } from './rule.ts'
import { RuleSettings } from './rule-settings.ts'

/**
 * Cases of rules: what an instance did, as flows a minute, and what a rule must say of it. They go through the same state as
 * real records, so that a case cannot hold what no log could show. Figures a minute are [packets, IP bytes].
 */

export interface RuleCase {
  readonly name: string
  /** Whether the rule gives a signal with points. */
  readonly matches: boolean
  /** What all rules together must decide. */
  readonly decision: 'none' | 'watch' | 'alert' | 'isolate'
  readonly did: Did
}

export interface Did {
  /** Records that no connection describes. */
  readonly flows?: readonly Directed[]
  readonly connections?: readonly Connection[]
  readonly names?: readonly Named[]
  readonly alerts?: readonly (Partial<Alert> & Pick<Alert, 'kind' | 'destination'>)[]
  readonly calls?: readonly Called[]
  readonly loads?: readonly (Pick<Load, 'of' | 'busy'> & { readonly at: number; readonly alarm?: string })[]
  readonly settings?: Parameters<typeof RuleSettings.parse>[0]
  /** Of 100 instances in scope unless told otherwise; peers that are not named are used by this one alone. */
  readonly scopeSize?: number
  readonly users?: Readonly<Record<string, number>>
  readonly dnsCovered?: boolean
  /** Minutes after the start at which the rules judge; the end of the last connection by default. */
  readonly judgedAt?: number
}

export interface Directed {
  readonly flow: Flow
  /** The instance is the source. */
  readonly out: boolean
}

type Sums = readonly [packets: number, bytes: number]

export interface Traffic {
  readonly out: Sums
  readonly in: Sums
}

export interface Connection {
  readonly peer: string
  /** The service's port. */
  readonly port: number
  readonly protocol?: number
  readonly clientPort?: number
  /** Minutes after the start. */
  readonly at?: number
  /** One entry a minute; `undefined` for silence. */
  readonly minutes: readonly (Traffic | undefined)[]
  /** Whose connection it is: `us` by default. */
  readonly by?: 'us' | 'them'
  /** A FIN in its last minute. */
  readonly ends?: boolean
  /** False for a log without TCP flags (version 2). */
  readonly flags?: boolean
  readonly refused?: boolean
}

export interface Named {
  readonly name: string
  readonly via?: NameSeen['via']
  readonly addresses: readonly string[]
  readonly at?: number
  readonly port?: number
}

/** Seconds after the start. */
interface Called extends Partial<Pick<ToolCall, 'tool' | 'command' | 'episode'>> {
  readonly from: number
  readonly to?: number
}

export const CASE_START = 1_800_000_000
const OURS = '10.20.1.5'
const INSTANCE = 'i-0123456789abcdef0'
const MINUTE = 60

/** The view that the rules get of what an instance did. */
export function caseView(did: Did): InstanceView {
  const settings = RuleSettings.parse(did.settings ?? {})
  const scopeSize = did.scopeSize ?? 100
  const flows = [...(did.flows ?? []), ...(did.connections ?? []).flatMap(flowsOf)].toSorted(
    (a, b) => a.flow.start - b.flow.start,
  )
  const end = Math.max(CASE_START, ...flows.map(({ flow }) => flow.end))
  const now = did.judgedAt === undefined ? end + MINUTE : CASE_START + did.judgedAt * MINUTE
  const state = newState()
  for (const { name, via = 'dns', addresses, at = 0, port } of did.names ?? [])
    addSeenName(
      state,
      {
        via,
        name,
        addresses,
        client: OURS,
        clientPort: undefined,
        peerPort: port,
        instance: undefined,
        vpc: undefined,
        firewall: undefined,
        time: CASE_START + at * MINUTE,
      },
      true,
    )
  for (const alert of did.alerts ?? []) {
    const whole: Alert = {
      rule: 'a rule',
      source: OURS,
      sourcePort: 40_001,
      destinationPort: 443,
      protocol: TCP,
      blocked: false,
      instance: undefined,
      firewall: 'fw',
      time: CASE_START,
      ...alert,
    }
    addAlert(state, whole, whole.source === OURS)
  }
  for (const { from, to = from, tool = 'shell', command = '', episode } of did.calls ?? [])
    addCall(state, { instance: INSTANCE, tool, command, episode, start: CASE_START + from, end: CASE_START + to })
  for (const { of, busy, at, alarm = 'gpu-busy' } of did.loads ?? [])
    addBusy(state, { instance: INSTANCE, of, busy, alarm, time: CASE_START + at * MINUTE })
  let settled = CASE_START
  for (const { flow, out } of flows) {
    addFlow(state, flow, out)
    if (flow.start < settled + 10 * MINUTE) continue
    settled = flow.start
    settle(state, settled)
  }
  settle(state, now)
  return instanceView(state, {
    now,
    instance: INSTANCE,
    prevalence: peer => (scopeSize === 0 ? undefined : (did.users?.[peer] ?? 1) / scopeSize),
    scopeSize,
    covered: { dns: did.dnsCovered ?? false },
    settings,
  })
}

/** The same minute, so many times. */
export function steady(count: number, traffic: Traffic): Traffic[] {
  return Array.from({ length: count }, () => traffic)
}

export function silent(count: number): undefined[] {
  return Array.from({ length: count }, () => undefined)
}

/** The records of a connection, both directions of each minute. */
export function flowsOf(connection: Connection): Directed[] {
  const {
    peer,
    port,
    protocol = TCP,
    clientPort = 40_001,
    at = 0,
    minutes,
    by = 'us',
    flags = true,
    refused,
  } = connection
  const [ourPort, theirPort] = by === 'us' ? [clientPort, port] : [port, clientPort]
  return minutes.flatMap((traffic, index) => {
    if (!traffic) return []
    const first = index === 0 && protocol === TCP
    const end = connection.ends === true && index === minutes.length - 1 ? FIN : 0
    const start = CASE_START + (at + index) * MINUTE
    const one = (out: boolean, [packets, bytes]: Sums, asks: boolean): Directed => ({
      out,
      flow: {
        interface: 'eni-0123456789abcdef0',
        account: '111122223333',
        firewall: undefined,
        source: out ? OURS : peer,
        destination: out ? peer : OURS,
        sourcePort: out ? ourPort : theirPort,
        destinationPort: out ? theirPort : ourPort,
        protocol,
        packets,
        bytes,
        start,
        end: start + MINUTE,
        flags: flags ? (first ? SYN | (asks ? 0 : ACK) : 0) | end : undefined,
        accepted: refused !== true,
        direction: out ? 'egress' : 'ingress',
      },
    })
    const ways = [one(true, traffic.out, by === 'us'), one(false, traffic.in, by === 'them')]
    return ways.filter(({ flow }) => flow.packets > 0)
  })
}
