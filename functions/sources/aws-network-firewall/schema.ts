import * as z from 'zod'
import { address, count, port, seconds, text } from '../envelopes/fields.ts'

/**
 * Records of AWS Network Firewall (Developer Guide, "Contents of a firewall log"): Suricata's EVE events in an envelope. The
 * TLS engine, which is not Suricata, writes ports as strings and names no event type. Only the fields that are read.
 */

const Alert = z.object({
  action: z.string().max(64).optional(),
  signature_id: z.number().int().optional(),
  signature: text.default(''),
  category: text.default(''),
})

const Netflow = z.object({ pkts: count, bytes: count, start: seconds, end: seconds })

/** Whoever speaks chooses it, up to 65,535 octets in a handshake: no length of it may hide the alert that it stands beside. */
const spoken = z.string().nullish()

const Handshake = z.object({ sni: spoken })

const Software = z.object({
  proto_version: spoken,
  software_version: spoken,
})

const Ssh = z.object({ client: Software.nullish(), server: Software.nullish() })

/** Text records may be long. */
const Answer = z.object({ rrtype: z.string().max(16).nullish(), rdata: z.string().nullish() })

const Dns = z.object({
  rrname: spoken,
  rdata: z.string().nullish(),
  rrtype: z.string().max(16).nullish(),
  queries: z
    .array(z.object({ rrname: spoken }))
    .max(64)
    .nullish(),
  answers: z.array(Answer).max(512).nullish(),
})

const Event = z.object({
  timestamp: z.unknown().optional(),
  event_type: z.string().max(32).optional(),
  src_ip: address,
  src_port: port.default(0),
  dest_ip: address,
  dest_port: port.default(0),
  proto: z.string().max(32).default('TCP'),
  direction: z.string().max(32).nullish(),
  /** The flow's own ends, where an alert's are those of one packet. */
  flow: z.object({ src_ip: address.optional(), src_port: port.optional() }).nullish(),
  sni: spoken,
  alert: Alert.optional(),
  netflow: Netflow.optional(),
  tcp: z.object({ tcp_flags: z.string().max(8).nullish() }).nullish(),
  tls: Handshake.nullish(),
  quic: Handshake.nullish(),
  http: z.object({ hostname: spoken }).nullish(),
  ssh: Ssh.nullish(),
  dns: Dns.nullish(),
})
export type Event = z.infer<typeof Event>

export const FirewallRecord = z.object({
  firewall_name: z.string().min(1).max(128),
  event_timestamp: z.unknown().optional(),
  event: Event,
})
