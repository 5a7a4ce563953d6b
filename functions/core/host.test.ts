import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ACK, type Flow, type Load, SYN, TCP, type ToolCall } from './flow.ts'
import { addToolCall, callViews, MAX_CALLS, noHost, openerOf } from './host.ts'
import { addBusy, addCall, addFlow, type InstanceState, newState, settle } from './instance-state.ts'
import { MAX_PACKED, packState, unpackState } from './state-packing.ts'

const T = 1_800_000_000
const instance = 'i-0123456789abcdef0'

function called(start: number, end = start, command = 'ls', more: Partial<ToolCall> = {}): ToolCall {
  return { instance, tool: 'shell', command, episode: 'ep-1', start: T + start, end: T + end, ...more }
}

function flow(start: number, out: boolean, packets: number, flags: number, peer = '203.0.113.9'): Flow {
  return {
    interface: 'eni-0123456789abcdef0',
    account: '111122223333',
    firewall: undefined,
    source: out ? '10.0.0.5' : peer,
    destination: out ? peer : '10.0.0.5',
    sourcePort: out ? 40_001 : 22,
    destinationPort: out ? 22 : 40_001,
    protocol: TCP,
    packets,
    bytes: packets * 200,
    start: T + start,
    end: T + start + 60,
    flags,
    accepted: true,
    direction: out ? 'egress' : 'ingress',
  }
}

function openTunnel(state: InstanceState, at: number): void {
  addFlow(state, flow(at, true, 18, SYN), true)
  addFlow(state, flow(at, false, 14, SYN | ACK), false)
}

const views = (...calls: readonly ToolCall[]) => {
  const host = noHost()
  for (const one of calls) addToolCall(host, one)
  return callViews(host)
}
const second = (at: number) => [{ from: T + at, to: T + at }]
const PEER = ['203.0.113.9', 'relay.example.net']

test('openerOf() names the innermost call under way at the opening, and counts the others', () => {
  const opener = openerOf(
    views(called(0, 600, 'run episode'), called(90, 110, 'ssh -R'), called(200, 210, 'later')),
    second(100),
    PEER,
  )
  assert.equal(opener?.call.command, 'ssh -R')
  assert.equal(opener?.others, 1)
})

test('openerOf() prefers a call under way to one that ended before, and takes that where there is no other', () => {
  const before = called(80, 95, 'before')
  assert.equal(openerOf(views(before, called(60, 120, 'under way')), second(100), PEER)?.call.command, 'under way')
  assert.equal(openerOf(views(before), second(100), PEER)?.call.command, 'before')
  assert.equal(openerOf(views(called(0, 30)), second(100), PEER), undefined)
  assert.equal(openerOf(views(called(106, 130)), second(100), PEER), undefined)
})

test('openerOf() prefers the call that has the peer in its command, as a word of its own', () => {
  const minute = [{ from: T + 60, to: T + 119 }]
  const others = [called(80, 90, 'ping 203.0.113.90'), called(100, 118, 'env')]
  const named = (command: string) => openerOf(views(called(65, 70, command), ...others), minute, PEER)
  assert.equal(named('ssh -R 1:localhost:22 a@203.0.113.9')?.call.start, T + 65)
  assert.equal(named('curl http://203.0.113.9:8080/x')?.named, true)
  assert.equal(named('ssh relay.example.net')?.named, true)
  assert.equal(named('ssh x.relay.example.net.invalid')?.call.command, 'env')
  assert.equal(named('ssh elsewhere')?.others, 2)
})

test('openerOf() goes by the oldest opening that a call overlaps', () => {
  const calls = views(called(100, 110, 'first'), called(500, 510, 'again'))
  assert.equal(openerOf(calls, [...second(105), ...second(505)], PEER)?.call.command, 'first')
  assert.equal(openerOf(calls.slice(1), [...second(105), ...second(505)], PEER)?.call.command, 'again')
})

test('settle() keeps the newest calls within the hour and the one that opened a connection that is still open', () => {
  const state = newState()
  openTunnel(state, 100)
  addCall(state, called(98, 104, 'ssh -R'))
  settle(state, T + 300)
  for (let at = 0; at < 3 * MAX_CALLS; at++) addCall(state, called(3 * 3600 + at * 10))
  settle(state, T + 5 * 3600)
  const commands = callViews(state.host).map(({ command }) => command)
  assert.equal(commands[0], 'ssh -R')
  assert.equal(commands.length, 1)
  for (let at = 0; at < 3 * MAX_CALLS; at++) addCall(state, called(5 * 3600 + at))
  settle(state, T + 5 * 3600 + 200)
  assert.equal(state.host.calls.size, MAX_CALLS + 1)
  assert.ok(callViews(state.host).some(({ command }) => command === 'ssh -R'))
})

test('a thousand calls, however long their texts, leave the window as it would be without them', () => {
  const [without, flooded] = [newState(), newState()]
  for (const state of [without, flooded])
    for (let peer = 0; peer < 512; peer++)
      for (let minute = 0; minute < 12; minute++)
        addFlow(
          state,
          flow(minute * 60, true, 5 + ((peer * 31 + minute * 17) % 97), SYN, `198.51.${peer >> 8}.${peer & 255}`),
          true,
        )
  for (let at = 0; at < 1000; at++)
    addCall(flooded, called(at, at + 5, `${at}`.padEnd(1000, '\u{1f525}'), { tool: `${at}`.repeat(60) }))
  for (const state of [without, flooded]) settle(state, T + 1100)
  assert.ok(flooded.host.calls.size <= MAX_CALLS + 32)
  const [plain, beside] = [packState(without, T + 1100), packState(flooded, T + 1100)]
  assert.equal(beside.tightened, plain.tightened)
  assert.ok(beside.packed.length <= MAX_PACKED)
  assert.deepEqual(unpackState(beside.packed).conversations, unpackState(plain.packed).conversations)
})

const text = fc.oneof(fc.string({ maxLength: 200, unit: 'binary' }), fc.constantFrom('ssh -R', '\ud800', ''))
const anyCall = fc
  .record({
    from: fc.nat(3000),
    lasts: fc.nat(900),
    tool: text,
    command: text,
    episode: fc.option(text, { nil: undefined }),
  })
  .map(({ from, lasts, ...more }) => called(from, from + lasts, more.command, more))
const anyLoad: fc.Arbitrary<Load> = fc.record({
  instance: fc.constant(instance),
  of: fc.constantFrom('gpu', 'cpu'),
  busy: fc.boolean(),
  alarm: fc.constantFrom('a', 'b'),
  time: fc.nat(3000).map(at => T + at),
})

test('order, repeats and packing between deliveries change nothing of what the host said', () => {
  fc.assert(
    fc.property(
      fc.array(anyCall, { maxLength: MAX_CALLS }),
      fc.array(anyLoad, { maxLength: 20 }),
      fc.infiniteStream(fc.boolean()),
      (calls, loads, packs) => {
        const [once, other] = [newState(), newState()]
        for (const one of calls) addCall(once, one)
        for (const one of loads) addBusy(once, one)
        let state = other
        for (const one of [...calls.toReversed(), ...calls]) {
          addCall(state, one)
          if (!packs.next().value) continue
          settle(state, T + 3600)
          state = unpackState(packState(state, T + 3600).packed)
        }
        for (const one of [...loads, ...loads.toReversed()]) addBusy(state, one)
        settle(once, T + 3600)
        settle(state, T + 3600)
        assert.deepEqual(callViews(state.host), callViews(once.host))
        assert.deepEqual(packState(state, T + 3600).packed, packState(once, T + 3600).packed)
      },
    ),
    { numRuns: 200 },
  )
})

test('addToolCall() keeps no secret of a command, and none by halves where the command is cut', () => {
  const host = noHost()
  const call = { tool: 'bash', episode: undefined, instance: 'i-1', start: 1, end: 2 }
  addToolCall(host, { ...call, command: 'login --password hunter2' })
  addToolCall(host, { ...call, start: 3, end: 4, command: `${'x'.repeat(185)} token=${'s'.repeat(64)}` })
  const commands = callViews(host).map(({ command }) => command)
  assert.equal(commands.length, 2)
  assert.ok(
    commands.every(command => !command.includes('hunter2') && !command.includes('sss')),
    commands.join('\n'),
  )
})
