import { canonicalAddress } from '../../core/address.ts'
import { InputError } from '../../core/errors.ts'
import type { Alert, Flow, NameSeen, Sink } from '../../core/flow.ts'
import { isTooLong, nameOf } from '../envelopes/names.ts'
import { isOrdinary, kindOf } from './classify.ts'
import type { Event } from './schema.ts'

export interface Seen {
  readonly firewall: string
  readonly account: string | undefined
  /** Seconds since the epoch. */
  readonly time: number
}

/** IANA protocol numbers under the names that Suricata writes. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  ICMP: 1,
  IGMP: 2,
  TCP: 6,
  UDP: 17,
  GRE: 47,
  ESP: 50,
  AH: 51,
  'IPV6-ICMP': 58,
  ICMPV6: 58,
  SCTP: 132,
}
/** Reserved by IANA: the record names a protocol that we do not know. */
const UNKNOWN_PROTOCOL = 255

/**
 * Hands on what the event says. Event types that say nothing of flows, names or alerts are passed over.
 * @throws InputError for an event that lacks what its type promises, before anything is handed on; for a name that is longer
 * than any, after all else is.
 */
export function emit(event: Event, seen: Seen, sink: Sink): void {
  switch (event.event_type) {
    case 'netflow':
      netflow(event, seen, sink)
      break
    case 'alert':
      alert(event, seen, sink)
      handshakes(event, seen, sink)
      break
    case 'dns':
      dns(event, seen, sink)
      break
    case 'tls':
    case 'quic':
    case 'http':
    case 'ssh':
    case undefined:
      handshakes(event, seen, sink)
      break
  }
}

const protocolOf = (event: Event) => PROTOCOLS[event.proto.toUpperCase()] ?? UNKNOWN_PROTOCOL

/** One direction an event. */
function netflow(event: Event, { firewall, account }: Seen, sink: Sink): void {
  if (event.netflow === undefined)
    throw new InputError('Cannot parse firewall record: field "event.netflow" is missing')
  // Nothing went that way: no flow, and above all no answer.
  if (event.netflow.pkts === 0) return
  const flow: Flow = {
    interface: undefined,
    account,
    firewall,
    source: event.src_ip,
    destination: event.dest_ip,
    sourcePort: event.src_port,
    destinationPort: event.dest_port,
    protocol: protocolOf(event),
    packets: event.netflow.pkts,
    bytes: event.netflow.bytes,
    start: Math.floor(event.netflow.start),
    end: Math.max(Math.floor(event.netflow.start), Math.floor(event.netflow.end)),
    flags: flagsOf(event.tcp?.tcp_flags),
    accepted: true,
    direction: undefined,
  }
  sink.flow(flow)
}

/** Suricata writes the OR of a flow's flags in hexadecimal. */
function flagsOf(text: string | null | undefined): number | undefined {
  if (!text) return undefined
  const flags = Number(`0x${text}`)
  return Number.isInteger(flags) && flags <= 255 ? flags : undefined
}

function alert(event: Event, { firewall, time }: Seen, sink: Sink): void {
  const rule = event.alert
  if (rule === undefined) throw new InputError('Cannot parse firewall record: field "event.alert" is missing')
  if (isOrdinary(rule.signature)) return
  const made: Alert = {
    kind: kindOf(rule.signature, rule.category),
    rule: `${rule.signature_id ?? '-'} ${rule.signature}`.slice(0, 256),
    source: event.src_ip,
    sourcePort: event.src_port,
    destination: event.dest_ip,
    destinationPort: event.dest_port,
    protocol: protocolOf(event),
    blocked: rule.action === 'blocked',
    instance: undefined,
    firewall,
    time,
  }
  sink.alert(made)
}

/**
 * Whether the event's source opened the connection. Only an alert may stand on a packet of the other direction; where it does
 * not say so, the higher port is the client, a guess.
 */
function isFromClient(event: Event): boolean {
  if (event.event_type !== 'alert' && event.event_type !== 'dns') return true
  if (event.flow?.src_ip !== undefined && event.flow.src_port !== undefined)
    return event.flow.src_ip === event.src_ip && event.flow.src_port === event.src_port
  if (event.direction === 'to_server') return true
  if (event.direction === 'to_client') return false
  return event.src_port > event.dest_port
}

function seenBy(event: Event, { firewall, time }: Seen, via: NameSeen['via'], name: string): NameSeen {
  const forward = isFromClient(event)
  return {
    via,
    name,
    addresses: [forward ? event.dest_ip : event.src_ip],
    client: forward ? event.src_ip : event.dest_ip,
    clientPort: forward ? event.src_port : event.dest_port,
    peerPort: forward ? event.dest_port : event.src_port,
    instance: undefined,
    vpc: undefined,
    firewall,
    time,
  }
}

function handshakes(event: Event, seen: Seen, sink: Sink): void {
  const sni = event.tls?.sni ?? event.quic?.sni ?? event.sni
  const hostname = event.http?.hostname
  const tls = nameOf(sni)
  if (tls !== undefined) sink.name(seenBy(event, seen, 'tls', tls))
  const http = nameOf(hostname)
  if (http !== undefined) sink.name(seenBy(event, seen, 'http', http))
  for (const software of [event.ssh?.client, event.ssh?.server]) {
    if (!software?.software_version) continue
    // As it went over the wire (RFC 4253, 4.2), where Suricata has taken it apart. A line has 253 characters; its beginning tells.
    const banner = nameOf(`ssh-${software.proto_version ?? '2.0'}-${software.software_version}`.slice(0, 253))
    if (banner !== undefined) sink.name(seenBy(event, seen, 'ssh', banner))
  }
  refuseLong([sni, hostname])
}

/** Last, so that the record is a dead letter for its name and what it said besides is heard. */
function refuseLong(names: readonly (string | null | undefined)[]): void {
  const long = names.find(name => typeof name === 'string' && isTooLong(name))
  if (long)
    throw new InputError(
      `Cannot parse firewall record: a name has ${long.length} characters, more than a name can have`,
    )
}

const MAX_CHAIN = 16

/** A query, or an answer with its chain of CNAMEs: each name of the chain leads to the addresses. */
function dns(event: Event, seen: Seen, sink: Sink): void {
  const record = event.dns
  if (!record) return
  const answers = record.answers ?? []
  const addresses = [record, ...answers]
    .filter(({ rrtype }) => rrtype === 'A' || rrtype === 'AAAA')
    .map(({ rdata }) => canonicalAddress(rdata ?? ''))
    .filter(address => address !== undefined)
  const asked = [record.rrname, ...(record.queries ?? []).map(({ rrname }) => rrname)]
  const chain = answers.filter(({ rrtype }) => rrtype === 'CNAME').map(({ rdata }) => rdata)
  const names = new Set([...asked, ...chain].map(nameOf).filter(name => name !== undefined))
  const forward = event.dest_port === 53 || (event.src_port !== 53 && isFromClient(event))
  for (const name of [...names].slice(0, MAX_CHAIN))
    sink.name({
      ...seenBy(event, seen, 'dns', name),
      addresses: [...new Set(addresses)],
      client: forward ? event.src_ip : event.dest_ip,
      clientPort: forward ? event.src_port : event.dest_port,
      peerPort: forward ? event.dest_port : event.src_port,
    })
  refuseLong(asked)
}
