import type { FlowRows } from './flow-rows.ts'

/**
 * What sources make of the bytes: flows, coverage, names and alerts. Times are seconds since the epoch, addresses are
 * canonical text (IPv4 dotted, IPv6 as in RFC 5952, IPv4-mapped as IPv4), and `undefined` means that the log does not say.
 */

/** One record of traffic in one direction, from source to destination (OCSF Network Activity). */
export interface Flow {
  /** The interface whose log it is. A firewall knows none. */
  interface: string | undefined
  account: string | undefined
  /** The firewall that saw it; with the configuration it tells which network the addresses belong to. */
  firewall: string | undefined
  source: string
  destination: string
  sourcePort: number
  destinationPort: number
  /** IANA protocol number. */
  protocol: number
  packets: number
  bytes: number
  start: number
  end: number
  /** TCP flags OR-ed over the window; `undefined` where the log carries none. 0 says: no SYN, FIN or RST seen. */
  flags: number | undefined
  accepted: boolean
  /** Relative to the interface. */
  direction: 'ingress' | 'egress' | undefined
}

/** That the log covered an interface in a window. `skipped` means records were lost: it proves nothing. */
export interface Coverage {
  interface: string
  account: string | undefined
  start: number
  end: number
  status: 'ok' | 'nodata' | 'skipped'
}

/** A name that an instance asked for or named in a handshake. */
export interface NameSeen {
  via: 'dns' | 'tls' | 'http' | 'ssh'
  /** Lower case, without the final dot. For `ssh` the banner. */
  name: string
  /** What the name resolved to, or the peer of the handshake. */
  addresses: readonly string[]
  /** The instance's own address, and its id where the log names it. */
  client: string
  clientPort: number | undefined
  peerPort: number | undefined
  instance: string | undefined
  vpc: string | undefined
  firewall: string | undefined
  time: number
}

/** A provider's or an intrusion-prevention rule's verdict on traffic. */
export interface Alert {
  /** What the rule says it saw, in our words; `other` is only kept as context. */
  kind: 'mining' | 'tunnel' | 'other'
  /** Rule id and text, chosen outside: shown, never trusted. */
  rule: string
  source: string
  sourcePort: number
  destination: string
  destinationPort: number
  protocol: number
  blocked: boolean
  instance: string | undefined
  firewall: string | undefined
  /**
   * What the instance itself did, by the word of a provider that watches it: opened the connection, or asked for `name`.
   * Absent where an outsider's packet may have raised the alert.
   */
  own?: 'connection' | 'query'
  /** The name that was asked for. */
  name?: string
  time: number
}

/** That an instance's processors were busy or no longer are, by an alarm of the account's own. */
export interface Load {
  instance: string
  of: 'gpu' | 'cpu'
  busy: boolean
  alarm: string
  time: number
}

/**
 * A call of a tool, as the agent itself tells of it: it may lie, so it clears nobody and only says which call stood beside a
 * connection. All texts are bounded and hostile.
 */
export interface ToolCall {
  instance: string
  tool: string
  command: string
  /** The run, conversation or episode that the call belongs to. */
  episode: string | undefined
  start: number
  end: number
}

export interface Whole {
  readonly length: number
  readonly sha256: string
}

export interface Rejected {
  /** Within the input that was decoded: `line 3`, `event 12 (id)`. */
  position: string
  reason: string
  /** The first kilobyte. */
  bytes: Uint8Array
  /** Length in bytes and digest of all of it, where it was longer than that. */
  whole?: Whole
}

/** Where a source puts what it decodes. Objects are the receiver's to keep. */
export interface Sink {
  flow(flow: Flow): void
  /** Takes flows of IPv4 as numbers; without it each comes to `flow`. */
  rows?(rows: FlowRows): void
  coverage(coverage: Coverage): void
  name(seen: NameSeen): void
  alert(alert: Alert): void
  load?(load: Load): void
  toolCall?(call: ToolCall): void
  reject(rejected: Rejected): void
}

export const TCP = 6
export const UDP = 17
export const ICMP = 1
export const FIN = 1
export const SYN = 2
export const RST = 4
export const ACK = 16
