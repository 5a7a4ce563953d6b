import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { InputError } from './errors.ts'
import { ACK, type Alert, FIN, type Flow, ICMP, type NameSeen, RST, SYN, TCP, UDP } from './flow.ts'
import {
  addAlert,
  addCoverage,
  addFlow,
  addSeenName,
  BOUNDS,
  evict,
  type InstanceState,
  newState,
  settle,
  trafficOf,
} from './instance-state.ts'
import { instanceView } from './instance-view.ts'
import { RuleSettings } from './rule-settings.ts'
import { MAX_PACKED, packState, unpackState } from './state-packing.ts'

const us = '10.0.0.5'
const start = 1_772_366_400
const now = start + 3600

function flow(over: Partial<Flow> = {}): Flow {
  return {
    interface: 'eni-1',
    account: undefined,
    firewall: undefined,
    source: us,
    destination: '203.0.113.9',
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

function reverse(one: Flow, over: Partial<Flow> = {}): Flow {
  const { source, destination, sourcePort, destinationPort } = one
  return {
    ...one,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
    ...over,
  }
}

function stateOf(flows: readonly Flow[], at = now): InstanceState {
  const state = newState()
  for (const one of flows) addFlow(state, one, one.source === us)
  settle(state, at)
  return state
}

const nobodyKnows = () => undefined

function viewOf(state: InstanceState, at = now) {
  return instanceView(state, {
    now: at,
    instance: 'i-1',
    prevalence: nobodyKnows,
    scopeSize: 10,
    covered: { dns: false },
    settings: RuleSettings.parse({}),
  })
}

const peers = ['203.0.113.9', '203.0.113.10', '10.0.3.4', '2001:db8::7']
const someFlow = fc
  .record({
    at: fc.integer({ min: 0, max: 3500 }),
    lasts: fc.integer({ min: 0, max: 60 }),
    peer: fc.constantFrom(...peers),
    ours: fc.integer({ min: 40_000, max: 40_002 }),
    theirs: fc.constantFrom(22, 443, 45_700),
    protocol: fc.constantFrom(TCP, UDP, ICMP),
    packets: fc.integer({ min: 1, max: 6 }),
    bytes: fc.integer({ min: 40, max: 500 }),
    flags: fc.constantFrom(undefined, 0, SYN, SYN | FIN, FIN, RST, SYN | ACK, SYN | ACK | FIN),
    accepted: fc.boolean(),
    out: fc.boolean(),
    interface: fc.constantFrom('eni-1', 'eni-2', undefined),
  })
  .map(({ at, lasts, peer, ours, theirs, out, ...rest }) => {
    const one = flow({
      ...rest,
      destination: peer,
      sourcePort: ours,
      destinationPort: theirs,
      start: start + at,
      end: start + at + lasts,
    })
    return out ? one : reverse(one)
  })

/** A state that went through the ledger's bytes after each batch. */
function inBatches(batches: readonly (readonly Flow[])[]): InstanceState {
  let state = newState()
  for (const batch of batches) {
    for (const one of batch) addFlow(state, one, one.source === us)
    settle(state, now)
    state = unpackState(packState(state, now).packed)
  }
  return state
}

test('any split into batches, any order within the window and any repeats give the same view', () => {
  const shuffled = fc
    .array(someFlow, { maxLength: 80 })
    .chain(flows =>
      fc.tuple(
        fc.constant(flows),
        fc.shuffledSubarray([...flows, ...flows], { minLength: flows.length * 2, maxLength: flows.length * 2 }),
        fc.array(fc.nat({ max: 30 })),
      ),
    )
  void fc.assert(
    fc.property(shuffled, ([flows, mixed, sizes]) => {
      const batches: Flow[][] = []
      let from = 0
      for (const size of [...sizes, mixed.length]) {
        batches.push(mixed.slice(from, from + size))
        from += size
      }
      const once = stateOf(flows)
      const often = inBatches(batches)
      assert.deepEqual(viewOf(often), viewOf(once))
      assert.deepEqual(
        trafficOf(often).conversations,
        trafficOf(unpackState(packState(once, now).packed)).conversations,
      )
    }),
  )
})

test('windows of an hour’s records add up the same in any order, with repeats and in parts', () => {
  void fc.assert(
    fc.property(fc.array(someFlow, { maxLength: 30 }), flows => {
      const once = trafficOf(stateOf(flows)).windows
      const again = trafficOf(inBatches([flows.toReversed(), flows])).windows
      // A minute with more than eight records of a conversation keeps the largest: only its presence is then exact.
      assert.deepEqual(
        again.map(({ acceptedBytes, ...rest }) => ({ ...rest, passed: acceptedBytes > 0 })),
        once.map(({ acceptedBytes, ...rest }) => ({ ...rest, passed: acceptedBytes > 0 })),
      )
    }),
  )
})

test('outsiders’ packets and our answers to them never make us the one who opened', () => {
  const theirs = fc
    .record({
      peer: fc.constantFrom(...peers),
      from: fc.constantFrom(22, 443, 7844, 7835, 3333, 50_000),
      to: fc.constantFrom(22, 80, 443, 8080, 40_000, 60_000),
      protocol: fc.constantFrom(TCP, UDP),
      flags: fc.nat({ max: 31 }),
      answered: fc.boolean(),
      accepted: fc.boolean(),
      at: fc.integer({ min: 0, max: 3500 }),
    })
    .map(({ peer, from, to, at, answered, flags, ...rest }) => {
      const times = { start: start + at, end: start + at }
      const theirPacket = flow({
        ...rest,
        ...times,
        source: peer,
        destination: us,
        sourcePort: from,
        destinationPort: to,
        flags,
      })
      // What our host sends unasked: SYN with ACK, a reset, or what follows; never a SYN alone.
      const answer = reverse(theirPacket, {
        flags: flags & SYN ? SYN | ACK | (flags & (FIN | RST)) : flags & (FIN | RST),
      })
      return answered ? [theirPacket, answer] : [theirPacket]
    })
  void fc.assert(
    fc.property(fc.array(theirs, { maxLength: 60 }), packets => {
      const { conversations, probes } = viewOf(stateOf(packets.flat()))
      for (const { initiator } of conversations) assert.notDeepEqual(initiator, { side: 'us', by: 'flags' })
      // A refused UDP answer may look like an attempt, and probing never isolates.
      if (packets.flat().every(({ protocol }) => protocol === TCP))
        assert.deepEqual(probes, { internal: undefined, external: undefined })
    }),
  )
})

test('the middle of a connection to a high port is filed with its opening', () => {
  const opening = flow({ sourcePort: 33_000, destinationPort: 45_700, flags: SYN })
  const middle = { start: start + 120, end: start + 170, flags: 0 }
  const state = stateOf([
    opening,
    reverse(opening, { flags: SYN | ACK }),
    { ...opening, ...middle },
    reverse(opening, middle),
  ])
  const { conversations } = viewOf(state)
  assert.equal(conversations.length, 1)
  const [one] = conversations
  assert.deepEqual([one?.port, one?.service, one?.accepted, one?.initiator.by], [45_700, 'theirs', 4, 'flags'])
})

test('an outsider’s low source port does not make his connection ours', () => {
  const opening = flow({ source: '203.0.113.9', destination: us, sourcePort: 22, destinationPort: 50_000, flags: SYN })
  const middle = { start: start + 120, end: start + 170, flags: 0 }
  const state = stateOf([
    opening,
    reverse(opening, { flags: SYN | ACK }),
    { ...opening, ...middle },
    reverse(opening, middle),
  ])
  const { conversations } = viewOf(state)
  assert.deepEqual(
    conversations.map(({ service, port, initiator }) => [service, port, initiator.side]),
    [['ours', 50_000, 'them']],
  )
})

test('a scan of 50,000 peers keeps the row under its bound and the conversation that carries traffic', () => {
  const state = newState()
  const tunnel = [0, 60, 120].flatMap(at => {
    const one = flow({ start: start + at, end: start + at + 50, flags: at === 0 ? SYN : 0 })
    return [one, reverse(one, { flags: at === 0 ? SYN | ACK : 0 })]
  })
  for (const one of tunnel) addFlow(state, one, one.source === us)
  for (let at = 0; at < 50_000; at++) {
    const destination = `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`
    const accepted = at % 3 === 0
    addFlow(
      state,
      flow({
        destination,
        destinationPort: 1 + (at % 9000),
        flags: SYN,
        packets: 1,
        bytes: 40,
        start: start + 180 + (at % 60),
        end: start + 240,
        accepted,
      }),
      true,
    )
    if (state.conversations.size > 4 * BOUNDS.conversations) evict(state, 2 * BOUNDS.conversations)
  }
  settle(state, now)
  const { packed } = packState(state, now)
  assert.ok(packed.length < MAX_PACKED, `${packed.length} bytes`)
  assert.equal(state.conversations.size, BOUNDS.conversations)
  const { conversations, probes } = viewOf(unpackState(packed))
  const kept = conversations.find(({ peer }) => peer === '203.0.113.9')
  assert.equal(kept?.accepted, 6)
  assert.ok((probes.internal?.targets ?? 0) >= 1000, `${probes.internal?.targets} targets`)
  assert.equal(trafficOf(state).truncated, false)
})

test('an instance at every bound at once packs under the bound and says what left', () => {
  const state = newState()
  for (let peer = 0; peer < 600; peer++)
    for (let minute = 0; minute < 60; minute++)
      for (let connection = 0; connection < 3; connection++) {
        const one = flow({
          destination: `2001:db8::${peer.toString(16)}:${(peer * 7919).toString(16).slice(-4)}`,
          sourcePort: 40_000 + ((peer * 31 + minute * 7 + connection * 977) % 20_000),
          packets: 1 + ((peer * 13 + minute) % 900),
          bytes: 40 + ((peer * 7919 + minute * 104_729 + connection * 1_299_709) % 9_000_000),
          start: start + minute * 60,
          end: start + minute * 60 + 55,
        })
        addFlow(state, one, true)
        addFlow(state, reverse(one, { bytes: one.bytes + 17 }), false)
      }
  for (let at = 0; at < 2000; at++)
    addSeenName(
      state,
      {
        via: 'dns',
        name: `${'x'.repeat(200)}${at}.example.com`,
        addresses: peers,
        client: us,
        clientPort: 1,
        peerPort: 53,
        instance: undefined,
        vpc: undefined,
        firewall: undefined,
        time: now,
      },
      true,
    )
  settle(state, now)
  const { packed, tightened } = packState(state, now)
  assert.ok(packed.length <= MAX_PACKED, `${packed.length} bytes`)
  assert.ok(tightened > 0)
  assert.equal(trafficOf(unpackState(packed)).truncated, true)
})

test('a record older than the window is late, and a repeated one within it is known', () => {
  const old = flow()
  const state = stateOf([old, flow({ start: start + 70 * 60, end: start + 70 * 60 + 10 })], start + 71 * 60)
  assert.equal(addFlow(state, old, true), 'late')
  assert.equal(addFlow(state, flow({ start: start + 20 * 60, end: start + 20 * 60 }), true), 'new')
  assert.equal(addFlow(state, flow({ start: start + 20 * 60, end: start + 20 * 60 }), true), 'repeated')
})

test('a firewall’s flow that began hours ago is filed where it ended', () => {
  const state = stateOf([flow({ start: start + 3000, end: start + 3050 })])
  assert.equal(addFlow(state, flow({ interface: undefined, start: start - 9000, end: start + 3000 }), true), 'new')
})

test('what outsiders are refused costs no conversation but proves that the log covered it', () => {
  const state = stateOf([
    flow({ source: '203.0.113.77', destination: us, sourcePort: 999, destinationPort: 23, accepted: false }),
  ])
  assert.equal(state.conversations.size, 0)
  assert.deepEqual(trafficOf(state).windows, [
    { interface: 'eni-1', start, end: start + 50, status: 'ok', acceptedBytes: 0 },
  ])
})

test('windows tell NODATA, loss and both directions’ accepted bytes', () => {
  const state = newState()
  addCoverage(state, { interface: 'eni-1', account: undefined, start, end: start + 60, status: 'nodata' })
  addCoverage(state, { interface: 'eni-1', account: undefined, start: start + 60, end: start + 120, status: 'skipped' })
  const one = flow({ start: start + 60, end: start + 110 })
  addFlow(state, one, true)
  addFlow(state, reverse(one, { bytes: 7 }), false)
  addFlow(state, one, true)
  settle(state, now)
  assert.deepEqual(trafficOf(state).windows, [
    { interface: 'eni-1', start, end: start + 60, status: 'nodata', acceptedBytes: 0 },
    { interface: 'eni-1', start: start + 60, end: start + 120, status: 'skipped', acceptedBytes: 1007 },
  ])
})

test('a silent open connection is tracked for five days, a closed one for one', () => {
  const idle = flow({ flags: SYN })
  const over = flow({ destination: '203.0.113.10', flags: SYN | FIN })
  const state = stateOf([idle, reverse(idle, { flags: SYN | ACK }), over, reverse(over, { flags: SYN | ACK | FIN })])
  settle(state, start + 2 * 86_400)
  assert.deepEqual(
    trafficOf(state).conversations.map(({ peer, closed, established }) => [peer, closed, established]),
    [['203.0.113.9', false, true]],
  )
  settle(state, start + 6 * 86_400)
  assert.deepEqual(trafficOf(state).conversations, [])
})

const name = (over: Partial<NameSeen>): NameSeen => ({
  via: 'dns',
  name: 'host.example.com',
  addresses: [],
  client: us,
  clientPort: undefined,
  peerPort: undefined,
  instance: undefined,
  vpc: undefined,
  firewall: undefined,
  time: now,
  ...over,
})

test('names meet the conversations with the addresses they resolved to', () => {
  const state = newState()
  addFlow(state, flow(), true)
  addSeenName(state, name({ name: 'tunnel.example.net', addresses: ['203.0.113.9', '203.0.113.200'] }), false)
  settle(state, now)
  const [one] = viewOf(unpackState(packState(state, now).packed)).conversations
  assert.deepEqual(
    one?.names.map(each => each.name),
    ['tunnel.example.net'],
  )
})

test('a flood of names pushes out neither a name that a rule keeps nor one with a conversation', () => {
  const state = newState()
  addFlow(state, flow(), true)
  addSeenName(state, name({ name: 'kept.example.net', time: now - 60 }), true)
  addSeenName(state, name({ name: 'peer.example.net', addresses: ['203.0.113.9'], time: now - 60 }), false)
  for (let at = 0; at < 5000; at++) addSeenName(state, name({ name: `${at}.example.com` }), false)
  settle(state, now)
  const kept = viewOf(state).names.map(each => each.name)
  assert.ok(kept.length <= 192)
  assert.ok(kept.includes('kept.example.net') && kept.includes('peer.example.net'))
})

test('suffixes count distinct names, and those that carry data', () => {
  const state = newState()
  for (const repeat of [1, 2])
    for (let at = 0; at < 100 * repeat; at++) {
      const label = Buffer.from(`payload ${at * 7919} of the tunnel`)
        .toString('base64url')
        .toLowerCase()
      addSeenName(state, name({ name: `${label}.t.example.com` }), false)
      addSeenName(state, name({ name: `www${at % 5}.example.net` }), false)
    }
  settle(state, now)
  const suffixes = new Map(viewOf(state).suffixes.map(one => [one.suffix, one]))
  assert.ok(Math.abs((suffixes.get('example.com')?.encoded ?? 0) - 200) < 30)
  assert.deepEqual([suffixes.get('example.net')?.names, suffixes.get('example.net')?.encoded], [5, 0])
})

test('probes count distinct targets of our own attempts in five minutes', () => {
  const attempts = Array.from({ length: 60 }, (_, at) =>
    flow({
      destination: `10.0.4.${at}`,
      destinationPort: 5432,
      flags: SYN,
      packets: 2,
      start: start + 4 * at,
      end: start + 4 * at,
      accepted: at % 2 === 0,
    }),
  )
  const { internal, external } = viewOf(stateOf([...attempts, ...attempts])).probes
  assert.equal(external, undefined)
  assert.ok(internal && Math.abs(internal.targets - 60) <= 4 && Math.abs(internal.refused - 30) <= 3)
  assert.ok(Math.abs(internal.addresses - 60) <= 8)
  assert.equal(internal.ports, 1)
})

test('a server’s short answers are no probes', () => {
  const answers = Array.from({ length: 60 }, (_, at) =>
    flow({ destination: `10.0.4.${at}`, sourcePort: 80, destinationPort: 40_000 + at, flags: SYN | ACK, packets: 2 }),
  )
  assert.equal(viewOf(stateOf(answers)).probes.internal, undefined)
})

test('what an alert says of the instance’s own doing is packed with it', () => {
  const state = newState()
  const alert: Alert = {
    ...{ kind: 'mining', rule: 'r', source: '', sourcePort: 0, destination: '', destinationPort: 53, protocol: 17 },
    ...{ blocked: false, instance: 'i-1', firewall: undefined, time: 1_795_000_000 },
  }
  addAlert(state, { ...alert, own: 'query', name: 'pool.example.net' }, undefined)
  addAlert(state, { ...alert, own: 'query', name: 'pool.example.org' }, undefined)
  addAlert(state, { ...alert, destination: '203.0.113.9', own: 'connection' }, undefined)
  addAlert(state, alert, undefined)
  const { alerts } = unpackState(packState(state, 1_795_000_000).packed)
  assert.deepEqual(alerts, state.alerts)
  assert.deepEqual([...alerts.values()].map(({ own, name }) => `${own} ${name}`).toSorted(), [
    'connection undefined',
    'query pool.example.net',
    'query pool.example.org',
    'undefined undefined',
  ])
})

test('alerts are kept once each with their first and last time, and the bound spares mining and tunnels', () => {
  const alert = (over: Partial<Alert>): Alert => ({
    kind: 'mining',
    rule: 'stratum login',
    source: us,
    sourcePort: 40_000,
    destination: '203.0.113.9',
    destinationPort: 3333,
    protocol: TCP,
    blocked: true,
    instance: undefined,
    firewall: 'fw',
    time: now - 100,
    ...over,
  })
  const state = newState()
  addAlert(state, alert({}), true)
  addAlert(state, alert({ time: now, blocked: false }), true)
  for (let at = 0; at < 500; at++) addAlert(state, alert({ kind: 'other', rule: `noise ${at}`, time: now }), true)
  settle(state, now)
  const { alerts } = viewOf(unpackState(packState(state, now).packed))
  assert.equal(alerts.length, 48)
  const mining = alerts.find(({ kind }) => kind === 'mining')
  assert.deepEqual([mining?.first, mining?.last, mining?.blocked, mining?.peer], [now - 100, now, false, '203.0.113.9'])
})

test('unpackState() throws InputError alone, whatever the bytes', () => {
  const { packed } = packState(stateOf([flow(), reverse(flow())]), now)
  void fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), fc.nat({ max: 255 }), (bytes, at, byte) => {
      const bent = packed.with(at % packed.length, byte)
      for (const hostile of [bytes, bent, packed.subarray(0, at % packed.length)])
        try {
          unpackState(hostile)
        } catch (thrown) {
          assert.ok(thrown instanceof InputError, String(thrown))
        }
    }),
    { numRuns: 500 },
  )
})
