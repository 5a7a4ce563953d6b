import type { Alert, NameSeen } from './flow.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { Signal } from './signal.ts'

/**
 * What a rule is and what it sees: the conversations of one instance as they stand after a delivery. Times are seconds
 * since the epoch. "Out" is what the instance sent, "in" what it received; sums count accepted records only.
 */

export interface Rule {
  /** The folder's name. */
  readonly id: string
  readonly title: string
  /** MITRE ATT&CK technique. */
  readonly technique: string
  readonly severity: 'low' | 'medium' | 'high' | 'critical'
  /** What else looks like this, for the person who reads the ticket. */
  readonly falsePositives: readonly string[]
  /** What that person does next. */
  readonly runbook: readonly string[]
  /** Pure: the same view gives the same signals. */
  judge(view: InstanceView): Signal[]
  /**
   * True for a name that the rule will want later. State is bounded, and a flood of other names must not push it out.
   * Must be linear in the name's length: the intruder chooses it.
   */
  keeps?(name: string, settings: RuleSettings): boolean
}

export interface InstanceView {
  /** The time of judging. */
  readonly now: number
  readonly instance: string
  /** Bounded (512 by default). */
  readonly conversations: readonly ConversationView[]
  /** Names that the instance itself asked for or named in a handshake, in the order of `last`; nobody else's. Bounded. */
  readonly names: readonly NameView[]
  /** Names under one suffix, counted for DNS tunnels. Bounded. */
  readonly suffixes: readonly SuffixView[]
  readonly alerts: readonly AlertView[]
  /** The agent's own account, in the order of `start`: it clears nobody. Bounded (host.ts). */
  readonly toolCalls: readonly ToolCallView[]
  readonly loads: readonly LoadView[]
  /** Attempts that look like probing; `undefined` where there were none. */
  readonly probes: { readonly internal: ProbeView | undefined; readonly external: ProbeView | undefined }
  /** Fraction of the scope's instances that used the peer in 24 to 48 h, this one included; `undefined` where it is not known. */
  readonly prevalence: (peer: string) => number | undefined
  /** Instances in scope; 0 where it is not known. */
  readonly scopeSize: number
  readonly covered: {
    /** Resolver logs cover the instance's network, so that a missing answer says something. */
    readonly dns: boolean
  }
  readonly settings: RuleSettings
}

/** Who sent the first packet. `flags`: a SYN without ACK was seen, which only that side can send; `ports`: a guess. */
export interface Initiator {
  readonly side: 'us' | 'them' | 'unknown'
  readonly by: 'flags' | 'ports'
}

/** All flows with one peer, service port and protocol. Connections to our own service are other conversations. */
export interface ConversationView {
  readonly peer: string
  /** The service's port: the peer's where `service` is `theirs`. */
  readonly port: number
  readonly protocol: number
  readonly service: 'theirs' | 'ours'
  readonly initiator: Initiator
  readonly first: number
  readonly last: number
  /** A FIN or RST was seen and nothing after it. */
  readonly closed: boolean
  /** Accepted packets in both directions. */
  readonly established: boolean
  /** Records, not packets. */
  readonly accepted: number
  readonly refused: number
  /** Over the whole life of the conversation. */
  readonly packetsOut: number
  readonly packetsIn: number
  readonly bytesOut: number
  readonly bytesIn: number
  /** Minute (since the epoch) of the lowest bit of `activity`; bit i is minute `base + i`, 64 in all. */
  readonly base: number
  readonly activity: bigint
  /** The minutes with records among those 64, oldest first. */
  readonly minutes: readonly Minute[]
  /** The connections whose opening by us was seen: the oldest ever and those of the last 64 minutes; at most 16. */
  readonly setups: readonly SetupView[]
  /** When the oldest of our connections that is still open began; `undefined` where none is known to be. */
  readonly openSince: number | undefined
  /** When connections of ours were opened, oldest first: the first and the newest few. Empty without tool calls. */
  readonly openings: readonly Opening[]
  /** Minutes of the last 12 to 24 h in which the driver sat outside: packets in/out ≥ 1.5, in < 110 B a packet. */
  readonly driverMinutes: number
  /** Minutes of the last 12 to 24 h with the shape of stratum (reference: detection.md, "Shapes"). */
  readonly stratumMinutes: number
  /** Runs of minutes with much more out than in, divided by quieter ones, within the 64 minutes. */
  readonly bursts: number
  /** Coefficients of variation of the bytes of the active minutes; `undefined` under 10 minutes active both ways. */
  readonly regularity: { readonly minutes: number; readonly cvOut: number; readonly cvIn: number } | undefined
  /** Distinct ports on the client's side, estimated; bounded at about 250. */
  readonly clientPorts: number
  /** The names among `InstanceView.names` that resolved to the peer or were named in a handshake with it. */
  readonly names: readonly NameView[]
}

/** One minute of a conversation, or a longer flow-log window that began in it. */
export interface Minute {
  readonly minute: number
  /** How many minutes its longest record spans: 1, or up to 15 for long windows. Divide by it for rates. */
  readonly span: number
  readonly packetsOut: number
  readonly packetsIn: number
  readonly bytesOut: number
  readonly bytesIn: number
  readonly refused: number
  /** Our SYN without ACK was seen. */
  readonly opened: boolean
  /** FIN or RST, from either side. */
  readonly closed: boolean
}

/** The window in which a connection of ours was opened, by both its records. */
export interface Setup {
  readonly at: number
  readonly packetsOut: number
  readonly packetsIn: number
  readonly bytesOut: number
  readonly bytesIn: number
  /** A FIN or RST stood in the same window: the connection was over within it. */
  readonly closed: boolean
}

export interface SetupView extends Setup {
  /** A connection that was opened in that window is not known to have ended since. */
  readonly open: boolean
}

/** The seconds in which our SYN was sent: those of the record that bears it. */
export interface Opening {
  readonly from: number
  readonly to: number
}

/** A call of a tool, shortened. All texts are the agent's: hostile. */
export interface ToolCallView {
  readonly tool: string
  readonly command: string
  readonly episode: string | undefined
  readonly start: number
  readonly end: number
}

/** A processor is busy by an alarm of the account's; without `until` it still is. */
export interface LoadView {
  readonly of: 'gpu' | 'cpu'
  readonly alarm: string
  readonly from: number
  readonly until: number | undefined
}

export interface NameView {
  readonly name: string
  readonly via: NameSeen['via']
  readonly addresses: readonly string[]
  readonly first: number
  readonly last: number
  /** Ports of the handshakes; empty for DNS. Bounded. */
  readonly ports: readonly number[]
}

export interface SuffixView {
  /** The last two labels, or three where the second is a short one (co.uk). */
  readonly suffix: string
  /** Distinct names under it in the last one to two hours, estimated, bounded at about 1400. */
  readonly names: number
  /** Of these, with at least 24 characters in labels of 16 or more before the suffix, at 3.2 bits a character or more. */
  readonly encoded: number
  readonly first: number
  readonly last: number
}

export interface AlertView {
  readonly kind: Alert['kind']
  readonly rule: string
  /** The other end, or `undefined` where the alert names none. */
  readonly peer: string | undefined
  readonly port: number
  readonly protocol: number
  readonly blocked: boolean
  /** The instance is the source of what was seen. */
  readonly outbound: boolean
  /** What the instance itself did by the provider's word, and the name that it asked for. */
  readonly own: Alert['own'] | undefined
  readonly name: string | undefined
  readonly first: number
  readonly last: number
}

/**
 * The five minutes with the most distinct targets among the last 64: attempts of ours that were refused, or that carried
 * our SYN and at most 4 packets. Estimated from a constant-size sketch, 3 % off at 50.
 */
export interface ProbeView {
  /** Distinct (address, port, protocol). */
  readonly targets: number
  readonly addresses: number
  readonly ports: number
  /** Of the targets, those that were refused. */
  readonly refused: number
  readonly first: number
  readonly last: number
}
