import { TCP, UDP } from '../../core/flow.ts'

/** A session as the firewall tells of it: inside is the private address, for it stands before translation. */
export interface Passage {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly protocol: number
  readonly flow: number
}

export interface Counted {
  readonly packets: number
  readonly bytes: number
}

/** AWS Network Firewall's log events: Suricata's EVE records in an envelope (AWS Network Firewall Developer Guide, logging). */
export function createFirewallLog(firewall: string, zone: string) {
  function event(at: number, passage: Passage, type: string, rest: Record<string, unknown>, textPorts = false): string {
    const port = (value: number) => (textPorts ? String(value) : value)
    return JSON.stringify({
      firewall_name: firewall,
      availability_zone: zone,
      event_timestamp: String(Math.floor(at / 1000)),
      event: {
        timestamp: stamp(at),
        flow_id: passage.flow,
        event_type: type,
        src_ip: passage.source,
        src_port: port(passage.sourcePort),
        dest_ip: passage.destination,
        dest_port: port(passage.destinationPort),
        proto: passage.protocol === TCP ? 'TCP' : passage.protocol === UDP ? 'UDP' : 'ICMP',
        ...rest,
      },
    })
  }

  return {
    tls: (at: number, passage: Passage, serverName: string) =>
      event(at, passage, 'tls', { app_proto: 'tls', tls: { sni: serverName, version: 'TLS 1.3' } }, true),

    /** The managed rule groups only warn unless they are told to drop. */
    miningAlert: (at: number, passage: Passage) =>
      event(at, passage, 'alert', {
        app_proto: 'tls',
        alert: {
          action: 'allowed',
          signature_id: 9_000_001,
          rev: 1,
          signature: 'Cryptomining pool: stratum over TLS',
          category: 'Crypto Currency Mining Activity Detected',
          severity: 2,
        },
      }),

    /** One direction an event, written when the flow ends. */
    netflow(at: number, passage: Passage, began: number, out: Counted, back: Counted): string[] {
      const reversed: Passage = {
        ...passage,
        source: passage.destination,
        sourcePort: passage.destinationPort,
        destination: passage.source,
        destinationPort: passage.sourcePort,
      }
      const one = (direction: Passage, { packets, bytes }: Counted, flags: string) =>
        event(at, direction, 'netflow', {
          netflow: {
            pkts: packets,
            bytes,
            start: stamp(began),
            end: stamp(at),
            age: Math.floor((at - began) / 1000),
            min_ttl: 63,
            max_ttl: 63,
          },
          ...(passage.protocol === TCP
            ? { tcp: { tcp_flags: flags, syn: true, fin: true, ack: true, psh: true } }
            : {}),
        })
      return [one(passage, out, '1b'), one(reversed, back, '1b')]
    },
  }
}

/** Suricata's timestamp: microseconds and an offset without a colon. */
function stamp(at: number): string {
  return new Date(at).toISOString().replace('Z', '000+0000')
}
