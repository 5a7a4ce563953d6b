import type { Sighting } from './fleet.ts'
import { endsOf, flagsOf } from './flow-text.ts'
import { isoOf, isPublic, nameOf } from './names.ts'

/** AWS Network Firewall's records (Developer Guide, "Contents of a firewall log"): Suricata's EVE events in an envelope. */

const TCP = 6
/** One connection in so many meets a rule that alerts, besides the policy's own default action. */
const ALERT_EVERY = 50

/** A record of the flow each way; one of the handshake and one of the policy's alert where a connection is opened. */
export function* firewallRecords(seen: Sighting): Generator<string> {
  const number = numberOf(seen)
  yield netflow(seen, number)
  if (!seen.opened || !seen.sent || !seen.outbound || seen.peerPort !== 443) return
  const tls = { sni: nameOf(seen), version: number % 5 === 0 ? 'TLS 1.2' : 'TLS 1.3' }
  const ends = endsIn(seen, number)
  yield record(seen.start, { event_type: 'tls', timestamp: micros(seen.start, number), ...ends, app_proto: 'tls', tls })
  const rare = number % ALERT_EVERY === 0
  yield record(seen.start, {
    event_type: 'alert',
    timestamp: micros(seen.start, number),
    ...ends,
    app_proto: 'tls',
    tls,
    direction: 'to_server',
    alert: {
      action: 'allowed',
      signature_id: rare ? 9_000_100 : 4,
      rev: rare ? 1 : 0,
      signature: rare ? 'Upload larger than usual' : 'aws:alert_established action',
      category: rare ? 'Misc activity' : '',
      severity: 3,
    },
  })
}

function netflow(seen: Sighting, number: number): string {
  const flags = 0x18 | flagsOf(seen)
  return record(seen.end, {
    event_type: 'netflow',
    timestamp: micros(seen.end, number),
    ...endsIn(seen, number),
    ...(seen.peerPort === 443 ? { app_proto: 'tls' } : seen.peerPort === 53 ? { app_proto: 'dns' } : {}),
    netflow: {
      pkts: seen.packets,
      bytes: seen.bytes,
      start: micros(seen.start, 0),
      end: micros(seen.end, 0),
      age: seen.end - seen.start,
      min_ttl: isPublic(seen) && !seen.sent ? 52 : 63,
      max_ttl: isPublic(seen) && !seen.sent ? 52 : 63,
    },
    ...(seen.protocol === TCP
      ? {
          tcp: {
            tcp_flags: flags.toString(16).padStart(2, '0'),
            ...((flags & 2) !== 0 && { syn: true }),
            ...((flags & 1) !== 0 && { fin: true }),
            psh: true,
            ack: true,
          },
        }
      : {}),
  })
}

function endsIn(seen: Sighting, number: number) {
  const { source, destination, sourcePort, destinationPort } = endsOf(seen)
  return {
    flow_id: 1_500_000_000_000_000 + number,
    src_ip: source,
    src_port: sourcePort,
    dest_ip: destination,
    dest_port: destinationPort,
    proto: seen.protocol === TCP ? 'TCP' : 'UDP',
  }
}

function record(time: number, event: object): string {
  const head = { firewall_name: 'egress', availability_zone: 'us-east-1a', event_timestamp: String(time) }
  return JSON.stringify({ ...head, event })
}

/** Differs from connection to connection and is the same for both of its sides. */
function numberOf({ instance, ownPort, peerPort, packets }: Sighting): number {
  return ((instance * 65_536 + ownPort) * 131 + peerPort * 31 + packets) % 1_000_000
}

function micros(seconds: number, micro: number): string {
  return `${isoOf(seconds)}.${String(micro).padStart(6, '0')}+0000`
}
