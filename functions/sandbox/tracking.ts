import { TCP } from '../core/flow.ts'
import type { Clock } from '../core/ports.ts'
import type { Cloud, NetworkInterface } from './cloud.ts'
import { isAdmitted, isAllowed, isUntracked, type Packet, rulesOf } from './filtering.ts'
import { createRouting } from './routing.ts'
import { type Connection, createTable, type Table, type TrackingTimeouts, trackingDefaults } from './tracked.ts'

export interface Party {
  /** Inside: the private or IPv6 address. Outside: as the internet knows it. */
  address: string
  /** 0 where the protocol has none. */
  port: number
  /** The interface inside that holds the address. Absent: looked up from the other party's VPC, else it is outside. */
  interface?: string
}

/** Packets that go one way at one moment: one, or a burst of like ones. */
export interface Segment {
  from: Party
  to: Party
  /** IANA number. */
  protocol: number
  /** TCP: the SYN. Others: the first datagram. A TCP opening never passes by an older connection of the same ports. */
  opening: boolean
  closing?: 'fin' | 'rst'
}

/**
 * What decided. `no-host`: nobody at the address, or a stopped instance; `no-route`: neither a public address nor
 * translation leads there; `provider`: nothing filters it.
 */
type Reason =
  | 'admitted'
  | 'tracked'
  | 'provider'
  | 'not-running'
  | 'egress-group'
  | 'egress-acl'
  | 'no-route'
  | 'no-host'
  | 'ingress-acl'
  | 'ingress-group'

interface Verdict {
  passes: boolean
  reason: Reason
  /** The interface whose flow log shows the refusal. Absent with `no-route` and `no-host`: the sender's log says accepted. */
  refusedAt?: string
}

export interface Tracker {
  /** Judges a segment now and remembers what groups remember of it. */
  permits(segment: Segment): Verdict
  /** What the interface's groups track at this moment. */
  connections(networkInterface: string): Connection[]
}

/**
 * Security groups with connection tracking and network ACLs without, over the state of the cloud. Groups remember per
 * interface: what they let open passes whatever the rules say now, until it closes or is idle for too long. Flows that
 * all-address rules let through in both directions are not remembered and end with their rule, except through network
 * address translation (EC2 User Guide, "Security group connection tracking").
 */
export function createTracker(
  cloud: Cloud,
  { clock, timeouts }: { clock: Clock; timeouts?: Partial<TrackingTimeouts> },
): Tracker {
  const idle = { ...trackingDefaults, ...timeouts }
  const tables = new Map<string, Table>()
  const routing = createRouting(cloud)

  function tableOf(networkInterface: string): Table {
    let table = tables.get(networkInterface)
    if (!table) {
      table = createTable(idle)
      tables.set(networkInterface, table)
    }
    return table
  }

  function holder(party: Party, other: Party): NetworkInterface | undefined {
    if (party.interface !== undefined) return cloud.interfaces.get(party.interface)
    const near = other.interface === undefined ? undefined : cloud.interfaces.get(other.interface)
    return near ? routing.holder(near.vpc, party.address) : routing.byPublicAddress(party.address)
  }

  function permits(asked: Segment): Verdict {
    const sender = holder(asked.from, asked.to)
    const receiver = holder(asked.to, asked.from)
    const segment = translated(asked, receiver)
    const { from, to } = segment
    const near = sender ?? receiver
    if (!near) throw new RangeError(`Cannot judge traffic from ${from.address} to ${to.address}: neither is inside`)
    if (sender && !isRunning(cloud, sender)) return { passes: false, reason: 'not-running' }
    if (routing.isProvider(near.vpc, (sender ? to : from).address)) return { passes: true, reason: 'provider' }

    const sameSubnet = sender !== undefined && sender.subnet === receiver?.subnet
    let reason: Reason = 'admitted'
    if (sender) {
      const passed = passesGroups(sender, receiver, 'egress', segment)
      if (!passed) return { passes: false, reason: 'egress-group', refusedAt: sender.id }
      reason = passed
      if (!sameSubnet && !passesAcl(sender, 'egress', segment))
        return { passes: false, reason: 'egress-acl', refusedAt: sender.id }
    }
    const obstacle = obstacleBetween(sender, receiver, segment)
    if (obstacle) return { passes: false, reason: obstacle }
    if (receiver) {
      if (!sameSubnet && !passesAcl(receiver, 'ingress', segment))
        return { passes: false, reason: 'ingress-acl', refusedAt: receiver.id }
      const passed = passesGroups(receiver, sender, 'ingress', segment)
      if (!passed) return { passes: false, reason: 'ingress-group', refusedAt: receiver.id }
      if (passed === 'tracked') reason = passed
    }
    return { passes: true, reason }
  }

  /** The internet gateway puts the private address in place of the public one. */
  function translated(segment: Segment, receiver: NetworkInterface | undefined): Segment {
    const isPublic = receiver !== undefined && routing.publicAddress(receiver.id) === segment.to.address
    return isPublic ? { ...segment, to: { ...segment.to, address: receiver.address } } : segment
  }

  function obstacleBetween(
    sender: NetworkInterface | undefined,
    receiver: NetworkInterface | undefined,
    segment: Segment,
  ): Reason | undefined {
    const { from, to } = segment
    if (sender && receiver) {
      if (!routing.isInside(sender.vpc, to.address)) return 'no-route'
      return isRunning(cloud, receiver) ? undefined : 'no-host'
    }
    if (sender) {
      if (routing.isInside(sender.vpc, to.address)) return 'no-host'
      return isOnInternet(sender, to.address) || sender.nat ? undefined : 'no-route'
    }
    if (!receiver) return 'no-host'
    if (isOnInternet(receiver, from.address)) return isRunning(cloud, receiver) ? undefined : 'no-host'
    // Translation leads in only what was opened from inside.
    const opened = tableOf(receiver.id).find(tupleOf('ingress', segment), clock.now())
    return receiver.nat && opened?.openedFrom === 'inside' ? undefined : 'no-route'
  }

  function isOnInternet(one: NetworkInterface, remote: string): boolean {
    return remote.includes(':') ? one.ipv6.length > 0 && !one.nat : routing.publicAddress(one.id) !== undefined
  }

  function passesAcl(at: NetworkInterface, direction: 'egress' | 'ingress', segment: Segment): boolean {
    const acl = cloud.acls.get(cloud.subnets.get(at.subnet)?.acl ?? '')
    return acl !== undefined && isAllowed(acl.entries, direction === 'egress', packetOf(direction, segment, []))
  }

  function passesGroups(
    at: NetworkInterface,
    far: NetworkInterface | undefined,
    direction: 'egress' | 'ingress',
    segment: Segment,
  ): 'admitted' | 'tracked' | undefined {
    const now = clock.now()
    const table = tableOf(at.id)
    const tuple = tupleOf(direction, segment)
    const packet = packetOf(direction, segment, far?.groups ?? [])
    const forward = rulesOf(cloud, at.groups, direction)
    const backward = rulesOf(cloud, at.groups, direction === 'egress' ? 'ingress' : 'egress')
    const reply: Packet = { ...packet, port: segment.from.port }
    const untracked =
      !(at.nat && !far) &&
      (isUntracked(forward, backward, packet) || (!segment.opening && isUntracked(backward, forward, reply)))

    const known = segment.opening && segment.protocol === TCP ? undefined : table.find(tuple, now)
    if (known && !untracked) {
      see(table, known, direction, segment, now)
      return 'tracked'
    }
    // All-open rules take a connection over that was tracked: from then on it stands and falls with them.
    if (untracked) table.remove(tuple)
    if (!isAdmitted(forward, packet)) return undefined
    if (!untracked)
      see(table, table.add(tuple, direction === 'egress' ? 'inside' : 'outside', now), direction, segment, now)
    return 'admitted'
  }

  return { permits, connections: networkInterface => tables.get(networkInterface)?.list(clock.now()) ?? [] }
}

function see(
  table: Table,
  connection: Connection,
  direction: 'egress' | 'ingress',
  { closing }: Segment,
  now: number,
): void {
  const side = direction === 'egress' ? 'inside' : 'outside'
  connection.seenAt = now
  if (side === 'inside') connection.segmentsOut++
  else connection.segmentsIn++
  if (closing === 'rst' || (closing === 'fin' && connection.finFrom && connection.finFrom !== side))
    table.remove(connection)
  else if (closing === 'fin') connection.finFrom = side
}

function isRunning({ instances }: Cloud, { instance }: NetworkInterface): boolean {
  return instance === undefined || instances.get(instance)?.state === 'running'
}

function tupleOf(direction: 'egress' | 'ingress', { from, to, protocol }: Segment) {
  const [local, remote] = direction === 'egress' ? [from, to] : [to, from]
  return {
    protocol,
    local: local.address,
    localPort: local.port,
    remote: remote.address,
    remotePort: remote.port,
  }
}

function packetOf(
  direction: 'egress' | 'ingress',
  { from, to, protocol }: Segment,
  remoteGroups: readonly string[],
): Packet {
  return { protocol, remote: (direction === 'egress' ? to : from).address, port: to.port, remoteGroups }
}
