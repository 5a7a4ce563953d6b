import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  add,
  type Conversation,
  conversationKey,
  isClosed,
  merge,
  newConversation,
  OUR_SYN,
  seenBy,
  THEIR_SYN,
} from './conversation.ts'
import { fold, viewOf } from './conversation-shape.ts'
import { ACK, FIN, type Flow, RST, SYN, TCP } from './flow.ts'

const us = '10.0.0.5'
const peer = '203.0.113.9'
const start = 1_772_366_400

function flow(over: Partial<Flow> = {}): Flow {
  return {
    interface: 'eni-1',
    account: '111122223333',
    firewall: undefined,
    source: us,
    destination: peer,
    sourcePort: 40_000,
    destinationPort: 22,
    protocol: TCP,
    packets: 10,
    bytes: 1000,
    start,
    end: start + 50,
    flags: 0,
    accepted: true,
    direction: undefined,
    ...over,
  }
}

/** The same connection's other direction. */
function back(over: Partial<Flow> = {}): Flow {
  return flow({ source: peer, destination: us, sourcePort: 22, destinationPort: 40_000, ...over })
}

function conversationOf(...flows: Flow[]): Conversation {
  const [first] = flows
  assert.ok(first)
  const one = newConversation(seenBy(first, first.source === us), first.protocol)
  for (const each of flows) add(one, each, seenBy(each, each.source === us))
  return one
}

const view = (one: Conversation, now = start + 120) => viewOf(one, { now, floor: Math.floor(now / 60) - 63 }, [])

test('seenBy() takes the side that sent SYN without ACK for the client, whatever the ports', () => {
  const ours = seenBy(flow({ sourcePort: 22, destinationPort: 45_700, flags: SYN | FIN }), true)
  assert.deepEqual([ours.service, ours.port, ours.clientPort, ours.proven & OUR_SYN], ['theirs', 45_700, 22, OUR_SYN])
  const theirs = seenBy(back({ flags: SYN }), false)
  assert.deepEqual([theirs.service, theirs.port, theirs.proven & THEIR_SYN], ['ours', 40_000, THEIR_SYN])
})

test('seenBy() takes the side that answered with SYN and ACK for the server', () => {
  assert.equal(seenBy(back({ flags: SYN | ACK | FIN }), false).service, 'theirs')
  assert.equal(seenBy(flow({ flags: SYN | ACK }), true).service, 'ours')
})

test('seenBy() draws nothing from SYN with ACK of a firewall, which ORs the flags of both', () => {
  const seen = seenBy(flow({ interface: undefined, firewall: 'fw', flags: SYN | ACK | FIN }), true)
  assert.equal(seen.service, 'theirs')
  assert.equal(seen.proven & OUR_SYN, 0)
})

test('a guess by ports says so, and equal or ephemeral ports say nothing', () => {
  const initiator = (over: Partial<Flow>) => view(conversationOf(flow(over))).initiator
  assert.deepEqual(initiator({}), { side: 'us', by: 'ports' })
  assert.deepEqual(initiator({ sourcePort: 22, destinationPort: 40_000 }), { side: 'them', by: 'ports' })
  assert.deepEqual(initiator({ sourcePort: 123, destinationPort: 123, protocol: 17 }), { side: 'unknown', by: 'ports' })
  assert.deepEqual(initiator({ destinationPort: 39_000 }), { side: 'unknown', by: 'ports' })
  assert.deepEqual(initiator({ flags: SYN }), { side: 'us', by: 'flags' })
})

test('a refused SYN of ours proves no opening', () => {
  const one = view(conversationOf(flow({ flags: SYN, accepted: false })))
  assert.equal(one.initiator.by, 'ports')
  assert.deepEqual([one.accepted, one.refused, one.established], [0, 1, false])
})

test('add() counts a record once however often it comes', () => {
  const records = [flow(), back(), flow({ start: start + 60, end: start + 119 }), flow({ accepted: false })]
  assert.deepEqual(conversationOf(...records, ...records, ...records), conversationOf(...records))
  const one = view(conversationOf(...records, ...records))
  assert.deepEqual([one.accepted, one.refused, one.bytesOut, one.bytesIn], [3, 1, 2000, 1000])
})

test('add() tells two connections with the same sums apart by the client’s port', () => {
  assert.equal(view(conversationOf(flow(), flow({ sourcePort: 40_001 }))).bytesOut, 2000)
})

test('a minute with many connections keeps the largest records', () => {
  const many = Array.from({ length: 100 }, (_, at) => flow({ sourcePort: 40_000 + at, bytes: 100 + at }))
  const one = conversationOf(...many)
  assert.equal(one.records.length, 8 * 4)
  assert.equal(view(one).bytesOut, 199 + 198 + 197 + 196 + 195 + 194 + 193 + 192)
  assert.deepEqual(conversationOf(...many.toReversed()).records, one.records)
})

test('a FIN or RST closes a connection, and what follows opens it again', () => {
  const opened = flow({ flags: SYN })
  const closing = flow({ flags: FIN, start: start + 60, end: start + 100 })
  assert.equal(isClosed(conversationOf(opened)), false)
  assert.equal(isClosed(conversationOf(opened, closing)), true)
  assert.equal(isClosed(conversationOf(closing, opened)), true)
  assert.equal(isClosed(conversationOf(opened, back({ flags: RST, start: start + 60, end: start + 100 }))), true)
  const later = flow({ start: start + 180, end: start + 230 })
  assert.equal(isClosed(conversationOf(opened, closing, later)), false)
})

test('the last acknowledgements after a FIN open nothing', () => {
  const straggler = flow({ packets: 1, bytes: 52, start: start + 61, end: start + 61 })
  assert.equal(isClosed(conversationOf(flow({ flags: SYN | FIN }), straggler)), true)
})

test('a closed connection does not hide an idle one to the same service', () => {
  const idle = flow({ flags: SYN, sourcePort: 41_000 })
  const over = flow({ flags: SYN | FIN, start: start + 120, end: start + 150 })
  assert.equal(isClosed(conversationOf(idle, over)), false)
})

test('logs without flags never say that a conversation is closed', () => {
  assert.equal(isClosed(conversationOf(flow({ flags: undefined }))), false)
})

test('viewOf() pairs the opening with its answer by the client’s port', () => {
  const one = view(
    conversationOf(
      flow({ flags: SYN, packets: 18, bytes: 4400 }),
      back({ flags: SYN | ACK, packets: 15, bytes: 4100 }),
      back({ destinationPort: 50_000, packets: 900, bytes: 90_000 }),
    ),
  )
  assert.deepEqual(one.setups, [
    { at: start, packetsOut: 18, bytesOut: 4400, packetsIn: 15, bytesIn: 4100, closed: false, open: true },
  ])
})

test('viewOf() knows of each opening whether its own connection may still be open', () => {
  const hour = { start: start + 3600, end: start + 3660 }
  const one = conversationOf(
    flow({ flags: SYN, packets: 18, bytes: 4400 }),
    flow({ start: start + 600, end: start + 660, flags: FIN, packets: 3, bytes: 200 }),
    flow({ ...hour, sourcePort: 50_001, flags: SYN, packets: 18, bytes: 4400 }),
  )
  const states = () => view(one, start + 3700).setups.map(({ at, open }) => [at, open])
  assert.deepEqual(states(), [
    [start, false],
    [hour.start, true],
  ])
  assert.equal(view(one, start + 3700).openSince, hour.start)
  fold(one, Math.floor(start / 60) + 30)
  assert.deepEqual(states(), [
    [start, false],
    [hour.start, true],
  ])
  // One that was forgotten while it was open may be any of those before.
  one.forgottenOpen = start + 60
  assert.deepEqual(states(), [
    [start, true],
    [hour.start, true],
  ])
  assert.equal(view(one, start + 3700).openSince, undefined)
})

test('fold() keeps sums, the first opening and the shapes of what left the window', () => {
  const minutes = Array.from({ length: 10 }, (_, at) => {
    const times = { start: start + 60 * at, end: start + 60 * at + 50 }
    return [
      flow({ ...times, packets: 100, bytes: 14_500, flags: at === 0 ? SYN : 0 }),
      back({ ...times, packets: 200, bytes: 14_000 }),
    ]
  }).flat()
  const one = conversationOf(...minutes)
  const before = view(one, start + 600)
  fold(one, Math.floor(start / 60) + 8)
  const after = view(one, start + 600)
  assert.equal(one.records.length, 2 * 2 * 4)
  for (const field of ['accepted', 'bytesOut', 'bytesIn', 'packetsOut', 'driverMinutes', 'initiator'] as const)
    assert.deepEqual(after[field], before[field], field)
  assert.equal(before.driverMinutes, 10)
  assert.deepEqual(after.setups, before.setups)
  assert.equal(view(one, start + 86_400).driverMinutes, 0)
})

test('a firewall’s records of the same packets are not counted beside the interface’s', () => {
  const one = conversationOf(flow(), flow({ interface: undefined, firewall: 'fw', bytes: 990 }))
  assert.equal(view(one).bytesOut, 1000)
  assert.equal(view(conversationOf(flow({ interface: undefined, bytes: 990 }))).bytesOut, 990)
})

test('activity has a bit for each minute that a long window spans', () => {
  const one = view(conversationOf(flow({ end: start + 600 })), start + 600)
  assert.equal(one.activity.toString(2).replaceAll('0', '').length, 10)
})

test('bursts and regularity are read from the minutes', () => {
  const minute = (at: number, bytesOut: number) => {
    const times = { start: start + 60 * at, end: start + 60 * at + 50 }
    return [flow({ ...times, bytes: bytesOut }), back({ ...times, bytes: 320, packets: 4 })]
  }
  const bursty = conversationOf(...[0, 1, 4, 8].flatMap(at => minute(at, 60_000)), ...minute(6, 500))
  assert.equal(view(bursty, start + 600).bursts, 3)
  const regular = conversationOf(...Array.from({ length: 12 }, (_, at) => minute(at, 624)).flat())
  assert.deepEqual(view(regular, start + 720).regularity, { minutes: 12, cvOut: 0, cvIn: 0 })
})

const record = fc
  .record({
    at: fc.integer({ min: 0, max: 59 }),
    port: fc.integer({ min: 40_000, max: 40_003 }),
    packets: fc.integer({ min: 1, max: 5 }),
    bytes: fc.integer({ min: 40, max: 400 }),
    flags: fc.constantFrom(0, SYN, SYN | FIN, FIN, RST, SYN | ACK),
    out: fc.boolean(),
    accepted: fc.boolean(),
  })
  .map(({ at, port, out, ...rest }) => {
    const times = { start: start + 60 * at, end: start + 60 * at + 50 }
    return out ? flow({ ...rest, ...times, sourcePort: port }) : back({ ...rest, ...times, destinationPort: port })
  })

test('merge() is the union, whatever the halves share', () => {
  const service = (one: Flow) => conversationKey(seenBy(one, one.source === us), TCP)
  void fc.assert(
    fc.property(fc.array(record, { minLength: 2, maxLength: 60 }), fc.nat(), fc.nat(), (records, i, j) => {
      const [first] = records
      assert.ok(first)
      const same = records.filter(one => service(one) === service(first))
      const left = same.slice(0, 1 + (i % same.length))
      const right = [first, ...same.slice(Math.min(left.length, j % same.length))]
      const whole = conversationOf(...same)
      const merged = merge(conversationOf(...left), conversationOf(...right))
      assert.deepEqual(view(merged, start + 3600), view(whole, start + 3600))
    }),
  )
})
