import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ACK, SYN, TCP, UDP } from '../core/flow.ts'
import { CASE_START, type Connection, caseView, type Did, type Directed } from '../core/rule-case.ts'
import { score } from '../core/score.ts'
import type { Signal } from '../core/signal.ts'
import { rules } from './registry.ts'

/**
 * An outsider chooses everything that he sends: ports, flags, sizes, times, and with UDP the address. What he cannot make
 * us send is a SYN without ACK or a DNS query. Nothing else may ever lead to a cut.
 */
const OURS = '10.20.1.5'
const address = fc.constantFrom('203.0.113.9', '203.0.113.10', '198.41.192.77', '2001:db8::9')
const port = fc.constantFrom(22, 443, 2333, 3333, 4444, 7835, 7844, 14_444, 40_001, 60_000)
const protocol = fc.constantFrom(TCP, UDP)
const anyFlags = fc.option(fc.integer({ min: 0, max: 31 }), { nil: undefined })
const ourFlags = anyFlags.map(flags => (flags === undefined || (flags & SYN) === 0 ? flags : flags | ACK))

const record = fc
  .record({
    out: fc.boolean(),
    peer: address,
    ourPort: port,
    theirPort: port,
    protocol,
    packets: fc.constantFrom(1, 8, 14, 18, 40, 110, 220, 3000),
    size: fc.constantFrom(40, 66, 70, 145, 250, 300, 1400),
    minute: fc.nat(120),
    ourFlags,
    theirFlags: anyFlags,
  })
  .map(
    (one): Directed => ({
      out: one.out,
      flow: {
        interface: 'eni-0123456789abcdef0',
        account: '111122223333',
        firewall: undefined,
        source: one.out ? OURS : one.peer,
        destination: one.out ? one.peer : OURS,
        sourcePort: one.out ? one.ourPort : one.theirPort,
        destinationPort: one.out ? one.theirPort : one.ourPort,
        protocol: one.protocol,
        packets: one.packets,
        bytes: one.packets * one.size,
        start: CASE_START + one.minute * 60,
        end: CASE_START + one.minute * 60 + 60,
        flags: one.protocol === TCP ? (one.out ? one.ourFlags : one.theirFlags) : undefined,
        accepted: true,
        direction: one.out ? 'egress' : 'ingress',
      },
    }),
  )

const shapes: readonly Connection['minutes'][number][] = [
  { out: [18, 4400], in: [14, 4100] },
  { out: [110, 16_000], in: [220, 15_400] },
  { out: [55, 246_000], in: [72, 7000] },
  { out: [8, 900], in: [6, 1000] },
  undefined,
]
const connection = fc
  .record({
    peer: address,
    port,
    clientPort: port,
    protocol,
    minutes: fc.array(fc.tuple(fc.constantFrom(...shapes), fc.integer({ min: 1, max: 40 })), {
      minLength: 1,
      maxLength: 6,
    }),
    opened: fc.constantFrom('them', 'unknown'),
    ends: fc.boolean(),
  })
  .map(
    ({ opened, minutes, ...one }): Connection => ({
      ...one,
      minutes: minutes.flatMap(([minute, times]) => Array.from({ length: times }, () => minute)),
      ...(opened === 'them' ? { by: 'them' } : { flags: false }),
    }),
  )

const alert = fc.record(
  {
    kind: fc.constantFrom('mining', 'tunnel'),
    source: fc.constant(OURS),
    destination: address,
    destinationPort: port,
    sourcePort: port,
    blocked: fc.boolean(),
    // A name that a message from outside made us ask for.
    own: fc.constant('query'),
    name: fc.constant('pool.example.net'),
  },
  { requiredKeys: ['kind', 'source', 'destination', 'destinationPort', 'sourcePort', 'blocked'] },
)

const received = fc.record({
  flows: fc.array(record, { maxLength: 60 }),
  connections: fc.array(connection, { maxLength: 3 }),
  alerts: fc.array(alert, { maxLength: 2 }),
  dnsCovered: fc.boolean(),
  scopeSize: fc.constantFrom(0, 1, 3, 100),
  settings: fc.constantFrom({}, { egress: { ssh: 'forbidden' } }),
}) satisfies fc.Arbitrary<Did>

const load: Signal = {
  rule: 'resource-alarm',
  family: 'host',
  points: 60,
  first: CASE_START,
  last: CASE_START,
  detail: 'Busy without a job',
}

test('what outsiders send, alone, never leads to a cut, not even beside a busy host', () => {
  let alerts = 0
  fc.assert(
    fc.property(received, did => {
      const view = caseView(did)
      const signals = rules.flatMap(rule => rule.judge(view))
      const { decision } = score([...signals, load], view.settings)
      if (decision === 'alert') alerts++
      assert.notEqual(decision, 'isolate', JSON.stringify(signals))
    }),
    { numRuns: 1500 },
  )
  assert.ok(alerts > 100, `The outsiders are too tame to show anything: ${alerts} alerts`)
})

test('the same connections opened by us do lead to cuts, so that the property above is not empty', () => {
  let cuts = 0
  fc.assert(
    fc.property(received, ({ connections, ...did }) => {
      const view = caseView({ ...did, connections: connections.map(one => ({ ...one, by: 'us', flags: true })) })
      if (
        score(
          rules.flatMap(rule => rule.judge(view)),
          view.settings,
        ).decision === 'isolate'
      )
        cuts++
    }),
    { numRuns: 300, seed: 1 },
  )
  assert.ok(cuts > 20, `${cuts} cuts`)
})

test('on an allow-listed peer no rule gives points for shape or context', () => {
  const settings = { allow: { addresses: ['0.0.0.0/0', '::/0'] } }
  fc.assert(
    fc.property(received, did => {
      const connections = did.connections.map(one => ({ ...one, by: 'us' as const }))
      const view = caseView({ ...did, connections, alerts: [], settings })
      const evidence = rules
        .flatMap(rule => rule.judge(view))
        .filter(({ points, family }) => points > 0 && (family === 'shape' || family === 'context'))
      assert.deepEqual(evidence, [])
    }),
    { numRuns: 300 },
  )
})
