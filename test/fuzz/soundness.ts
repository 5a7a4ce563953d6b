import { canonicalAddress } from '../../functions/core/address.ts'
import { unsoundFlow } from '../../functions/core/delivery.ts'
import type { Alert, Coverage, Flow, NameSeen, Rejected } from '../../functions/core/flow.ts'
import type { collecting } from '../../functions/sources/envelopes/sink-fixture.ts'

/** What must hold of everything that a source hands on, whatever it was given. */

export type Seen = ReturnType<typeof collecting>

class Unsound extends Error {
  override name = 'Unsound'
}

function holds(condition: boolean, what: string, record: unknown): void {
  if (!condition) throw new Unsound(`${what}: ${JSON.stringify(record)?.slice(0, 2000)}`)
}

const LATEST = 10_000_000_000
const isTime = (value: number) => Number.isSafeInteger(value) && value >= 1_000_000_000 && value < LATEST
const isPort = (value: number) => Number.isInteger(value) && value >= 0 && value <= 65_535
const isAddress = (text: string) => canonicalAddress(text) === text
const isShort = (text: string | undefined) => text === undefined || text.length <= 256

function flow(one: Flow): void {
  const reason = unsoundFlow(one, LATEST)
  holds(reason === undefined, `a flow is unsound: ${reason}`, one)
  holds(isAddress(one.source) && isAddress(one.destination), 'an address is not canonical', one)
  holds(isTime(one.start) && isTime(one.end), 'a time is none', one)
  holds(isShort(one.interface) && isShort(one.account) && isShort(one.firewall), 'a text has no bound', one)
  holds(
    one.flags === undefined || (Number.isInteger(one.flags) && one.flags >= 0 && one.flags < 512),
    'flags are none',
    one,
  )
  holds(
    ['ingress', 'egress', undefined].includes(one.direction) && typeof one.accepted === 'boolean',
    'a word is none',
    one,
  )
}

function coverage(one: Coverage): void {
  holds(isTime(one.start) && isTime(one.end) && one.start <= one.end, 'a window is no span', one)
  holds(one.interface !== '' && isShort(one.interface), 'an interface is none', one)
}

function name(one: NameSeen): void {
  holds(one.name !== '' && one.name.length <= 1012 && one.name === one.name.toLowerCase(), 'a name is none', one)
  for (let at = 0; at < one.name.length; at++)
    holds(one.name.charCodeAt(at) > 32, 'a name holds a control character', one)
  holds(one.addresses.every(isAddress) && one.addresses.length <= 1024, 'an address is not canonical', one)
  holds(one.client === '' || isAddress(one.client), 'a client is not canonical', one)
  holds(isTime(one.time), 'a time is none', one)
  holds(
    [one.clientPort, one.peerPort].every(port => port === undefined || isPort(port)),
    'a port is none',
    one,
  )
  holds(isShort(one.instance) && isShort(one.vpc) && isShort(one.firewall), 'a text has no bound', one)
}

function alert(one: Alert): void {
  for (const address of [one.source, one.destination])
    holds(address === '' || isAddress(address), 'an address is none', one)
  holds(isTime(one.time) && isPort(one.sourcePort) && isPort(one.destinationPort), 'a number is none', one)
  holds(Number.isInteger(one.protocol) && one.protocol >= 0 && one.protocol <= 255, 'a protocol is none', one)
  holds(isShort(one.rule) && isShort(one.instance) && isShort(one.firewall), 'a text has no bound', one)
}

function rejected(one: Rejected): void {
  holds(one.reason.startsWith('Cannot ') && one.reason.length <= 1024, 'a reason is none', one)
  holds(one.bytes.length <= 1024 && one.bytes.buffer.byteLength <= 4096, 'too much is kept', {
    ...one,
    bytes: one.bytes.length,
  })
  holds(one.position !== '' && one.position.length <= 600, 'a position is none', one)
}

export function assertSound(seen: Seen): void {
  seen.flows.forEach(flow)
  seen.coverage.forEach(coverage)
  seen.names.forEach(name)
  seen.alerts.forEach(alert)
  seen.rejected.forEach(rejected)
  for (const { instance, time, alarm } of seen.loads)
    holds(isTime(time) && isShort(instance) && isShort(alarm), 'a load is none', alarm)
  for (const call of seen.toolCalls) {
    holds(isTime(call.start) && isTime(call.end) && call.start <= call.end, 'a call is no span', call)
    holds(isShort(call.tool) && isShort(call.episode) && call.command.length <= 1024, 'a text has no bound', call)
  }
}

export const handedOn = ({ flows, coverage: windows, names, alerts, loads, toolCalls }: Seen) =>
  flows.length + windows.length + names.length + alerts.length + loads.length + toolCalls.length
