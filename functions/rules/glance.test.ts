import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { wordOfAddress } from '../core/address.ts'
import type { Flow, NameSeen } from '../core/flow.ts'
import * as row from '../core/flow-rows.ts'
import type { Glimpse } from '../core/glimpse.ts'
import { addFlow, addSeenName, newState, settle } from '../core/instance-state.ts'
import { instanceView } from '../core/instance-view.ts'
import { type Judged, judgeView } from '../core/judging.ts'
import { heldState } from '../core/replay-state.ts'
import { RuleSettings } from '../core/rule-settings.ts'
import { score } from '../core/score.ts'
import { packState } from '../core/state-packing.ts'
import { mostPoints } from './glance.ts'
import { rules } from './registry.ts'

const settings = RuleSettings.parse({})
const detection = { rules, score }
const ports = { log: { info() {}, warn() {}, error() {} }, metrics: { count() {} } }
const START = 1_790_000_040
const OWN = '10.0.0.5'
const PERIOD = 5

/** Below a decision nothing is told, and the report's exhibits are not a replay's. */
function told({ decision, score: points, signals, peers }: Judged) {
  return decision === undefined ? undefined : { decision, points, signals, peers }
}

/** What a peer does every minute, so that shapes come about and not only noise. */
const habit = fc.record({
  peer: fc.constantFrom('203.0.113.5', '203.0.113.6', '198.51.100.7', '10.0.0.9', '2001:db8::1'),
  port: fc.constantFrom(443, 443, 22, 8443, 3333, 7844, 50_000, 40_001),
  client: fc.integer({ min: 40_000, max: 40_003 }),
  roams: fc.boolean(),
  protocol: fc.constantFrom(6, 6, 6, 17),
  from: fc.integer({ min: 0, max: 60 }),
  minutes: fc.integer({ min: 1, max: 90 }),
  span: fc.constantFrom(1, 1, 1, 10),
  out: fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 40, max: 400 })),
  back: fc.tuple(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 40, max: 400 })),
  jitter: fc.integer({ min: 0, max: 20 }),
  flags: fc.constantFrom('unknown', 'none', 'opened', 'closed'),
  inbound: fc.boolean(),
  refused: fc.constantFrom(false, false, false, true),
})

type Habit = typeof habit extends fc.Arbitrary<infer T> ? T : never

function* flowsOf(one: Habit): Generator<{ flow: Flow; out: boolean }> {
  for (let minute = 0; minute < one.minutes; minute += one.span) {
    const client = one.client + (one.roams ? minute % 40 : 0)
    const start = START + 60 * (one.from + minute)
    for (const out of [true, false]) {
      const [packets, size] = out ? one.out : one.back
      if (packets === 0) continue
      const [own, theirs] = one.inbound ? [one.port, client] : [client, one.port]
      const asks = out !== one.inbound
      const opening = minute === 0 || one.roams ? (asks ? 2 : 18) : 0
      const ending = minute + one.span >= one.minutes ? 1 : 0
      const flags = { unknown: undefined, none: 0, opened: opening, closed: opening | ending }[one.flags]
      yield {
        out,
        flow: {
          interface: 'eni-1',
          account: undefined,
          firewall: undefined,
          source: out ? OWN : one.peer,
          destination: out ? one.peer : OWN,
          sourcePort: out ? own : theirs,
          destinationPort: out ? theirs : own,
          protocol: one.protocol,
          packets,
          bytes: packets * size + ((minute * 7) % (one.jitter + 1)),
          start,
          end: start + 60 * one.span - 5,
          flags: one.protocol === 6 ? flags : undefined,
          accepted: !one.refused,
          direction: undefined,
        },
      }
    }
  }
}

/** As the decoder writes it; `undefined` for what has no row. */
function rowOf(flow: Flow): Uint32Array | undefined {
  const [source, destination] = [wordOfAddress(flow.source), wordOfAddress(flow.destination)]
  if (source < 0 || destination < 0) return undefined
  const words = new Uint32Array(row.ROW)
  words[row.SOURCE] = source
  words[row.DESTINATION] = destination
  words[row.PORTS] = (flow.sourcePort << 16) | flow.destinationPort
  words[row.PACKETS] = flow.packets
  words[row.BYTES] = flow.bytes
  words[row.START] = flow.start
  words[row.END] = flow.end
  const flags = flow.flags === undefined ? 0 : row.FLAGS_KNOWN | (flow.flags << row.FLAGS_SHIFT)
  words[row.TRAITS] = flow.protocol | flags | (flow.accepted ? row.ACCEPTED : 0)
  return words
}

/** Names of all kinds, most of which no rule knows, some of them of the peers. */
const asked = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  fc.array(
    fc
      .record({
        name: fc.constantFrom('www.example.com', 'models.example.net', 'xmr.nanopool.org', 'connect.ngrok-agent.com'),
        address: fc.constantFrom('203.0.113.5', '203.0.113.6', '198.51.100.9', '2001:db8::1'),
        via: fc.constantFrom('dns', 'tls', 'ssh'),
      })
      .map(
        ({ name, address, via }): NameSeen => ({
          via,
          name: via === 'ssh' ? 'SSH-2.0-example' : name,
          addresses: [address],
          client: OWN,
          clientPort: undefined,
          peerPort: via === 'dns' ? undefined : 443,
          instance: undefined,
          vpc: undefined,
          firewall: undefined,
          time: START,
        }),
      ),
    { maxLength: 4 },
  ),
)

test('what a replay passes over has no part in any decision, and its states are those of the functions', () => {
  fc.assert(
    fc.property(fc.array(habit, { minLength: 1, maxLength: 8 }), asked, fc.boolean(), (habits, names, rare) => {
      const flows = habits.flatMap(one => [...flowsOf(one)]).toSorted((a, b) => a.flow.end - b.flow.end)
      const plain = newState()
      const held = heldState(() => ['eni-1'])
      const prevalence = () => (rare ? 0.01 : undefined)
      const scopeSize = rare ? 100 : 0
      const surroundings = { instance: 'i-1', prevalence, scopeSize, covered: { dns: false }, settings }
      let due = START + 60 * PERIOD
      function judge(now: number): void {
        settle(plain, now)
        const points = (seen: Glimpse) => mostPoints(seen, settings)
        held.look(now, points, () => {})
        const few = held.settled(now, {
          points,
          novelty: () => (rare ? settings.points.rarePeer : 0),
          mostNovelty: rare ? settings.points.rarePeer : 0,
          least: settings.score.watch,
          news: settings.score.watch,
          targets: settings.probing.targets,
          encodedNames: settings.dnsTunnel.names,
        })
        assert.deepEqual(packState(held.whole(), now).packed, packState({ ...plain, windows: new Map() }, now).packed)
        const whole = judgeView(detection, instanceView(plain, { now, ...surroundings }), settings, ports)
        if (!few) assert.equal(whole.decision, undefined)
        else {
          const part = judgeView(detection, instanceView(few, { now, ...surroundings }), settings, ports)
          assert.deepEqual(told(part), told(whole))
        }
      }
      const keeps = (name: string) => rules.some(rule => rule.keeps?.(name, settings))
      for (const seen of names)
        for (const state of [plain, held.state]) addSeenName(state, seen, keeps(seen.name) === true)
      for (const { flow, out } of flows) {
        if (flow.end >= due) {
          judge(flow.end)
          due = flow.end + 60 * PERIOD
        }
        addFlow(plain, flow, out)
        const words = rowOf(flow)
        if (words) held.addRow(words, 0, out)
        else held.add(flow, out)
      }
      judge(due)
    }),
    { numRuns: 60 },
  )
})
