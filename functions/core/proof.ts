import * as z from 'zod'
import { contains, isExternal, parseCidr } from './address.ts'
import type { AclDescription, Description } from './description.ts'
import type { Peer } from './finding.ts'
import { ICMP, TCP } from './flow.ts'
import type { CutState, Incident } from './incident.ts'
import { openTunnelNames, whyNameOpen } from './name-denial.ts'
import type { Tracked, Traffic } from './traffic.ts'

/** How long a silent conversation stays tracked, in seconds. */
export const TrackingTimeouts = z.object({
  /** EC2's default for established TCP; 350 on Nitro v6 (EC2 User Guide, connection tracking). */
  tcp: z.number().int().min(60).default(432_000),
  /** The longest that EC2 allows for a UDP stream. */
  udp: z.number().int().min(30).default(180),
  /** Other protocols, ICMP among them. */
  other: z.number().int().min(30).default(180),
})
export type TrackingTimeouts = z.infer<typeof TrackingTimeouts>

export interface Proof {
  readonly state: CutState
  readonly reasons: readonly string[]
}

/**
 * What can be said of a cut. Silence is no proof: `cut` needs, for every interface, its groups read back and a flow-log
 * window that lies wholly after the cut with nothing passing, and for every conversation that may still be tracked
 * something that filters it. Everything is read from the instance as it stands now, not from what the steps say they did.
 */
export function prove(
  incident: Incident,
  live: Description | undefined,
  traffic: Traffic,
  now: number,
  timeouts: TrackingTimeouts,
): Proof {
  const { restorePoint, cut, quarantine } = incident
  // What was proven of an instance that is gone by now stays proven.
  if (!live) {
    if (cut.state === 'cut') return { state: 'cut', reasons: [] }
    return { state: 'unverified', reasons: ['The instance cannot be described any more'] }
  }
  if (!restorePoint || cut.at === undefined || quarantine === undefined)
    return { state: 'pending', reasons: ['The cut has not been made yet'] }
  const cutSecond = Math.ceil(cut.at / 1000)
  const open = live.interfaces.filter(({ groups }) => groups.length !== 1 || groups[0] !== quarantine)
  const openReasons = open.map(({ id, groups }) => `Interface ${id} is in ${groups.join(', ')}, not in ${quarantine}`)

  const after = traffic.windows.filter(({ start }) => start >= cutSecond)
  const proven = (id: string) => after.some(window => window.interface === id && window.status !== 'skipped')
  const unseen = live.interfaces.filter(({ id }) => !proven(id))
  const unseenReasons = unseen.map(
    ({ id }) => `No flow-log window of ${id} lies wholly after the cut (${new Date(cutSecond * 1000).toISOString()})`,
  )

  const passing = Map.groupBy(
    after.filter(({ acceptedBytes }) => acceptedBytes > 0),
    window => window.interface,
  )
  const passingReasons = [...passing].map(
    ([id, windows]) =>
      `${windows.reduce((sum, { acceptedBytes }) => sum + acceptedBytes, 0)} bytes passed on ${id} after the cut, the last at ` +
      new Date(Math.max(...windows.map(({ end }) => end)) * 1000).toISOString(),
  )

  const alive = traffic.conversations.filter(
    one => mayBeTracked(one, now, timeouts) && !isFiltered(one, incident, live),
  )
  const aliveReasons = alive.map(
    ({ peer, port, protocol, last }) =>
      `The conversation with ${peer} port ${port} protocol ${protocol} (last seen ${new Date(last * 1000).toISOString()}) ` +
      `may still be tracked and nothing filters it${whyNotDenied(incident, peer)}`,
  )
  // The VPC's resolver answers whatever groups and ACLs say, and no flow log shows it.
  const names = isHalted(live) ? [] : openTunnelNames(incident)
  const nameReasons = names.map(
    name => `Names under ${name} can still be asked for through the network's resolver${whyNameOpen(incident, name)}`,
  )
  const truncated = traffic.truncated ? ['Some conversations left the bounded state, so none can be ruled out'] : []

  const reasons = [...openReasons, ...unseenReasons, ...passingReasons, ...aliveReasons, ...nameReasons, ...truncated]
  if (open.length > 0 || unseen.length > 0) return { state: 'unverified', reasons }
  if (passing.size > 0 || alive.length > 0 || names.length > 0) return { state: 'new-flows-only', reasons }
  if (truncated.length > 0) return { state: 'unverified', reasons }
  return { state: 'cut', reasons: [] }
}

/** External peers, not judged yet, with which bytes passed after the cut: they are denied under the same conditions. */
export function residualPeers(incident: Incident, live: Description | undefined, traffic: Traffic): Peer[] {
  const { at } = incident.cut
  if (!live || at === undefined) return []
  const known = new Set(incident.denials.map(({ peer }) => peer))
  return traffic.conversations
    .filter(one => one.established && !one.closed && one.last * 1000 > at && isExternal(one.peer))
    .filter(one => !known.has(one.peer) && !isFiltered(one, incident, live))
    .map(({ peer, port, protocol }) => ({ address: peer, port, protocol }))
    .slice(0, 64)
}

function mayBeTracked(
  { established, closed, last, protocol }: Tracked,
  now: number,
  timeouts: TrackingTimeouts,
): boolean {
  if (!established || closed) return false
  const timeout = protocol === TCP ? timeouts.tcp : protocol === ICMP ? timeouts.other : timeouts.udp
  return last + timeout > now / 1000
}

function isHalted({ state }: Description): boolean {
  return state === 'stopped' || state === 'terminated'
}

/** By a stopped instance, by every ACL between it and the peer, or because its public addresses are gone. */
function isFiltered({ peer, port, protocol }: Tracked, incident: Incident, live: Description): boolean {
  if (isHalted(live)) return true
  // An address inside the VPC may stand in the instance's own subnet, where traffic passes no ACL.
  if (!isExternal(peer)) return false
  // An interface whose ACL cannot be seen, in a shared or another VPC, may lead anywhere.
  const isDenied = ({ subnet }: Description['interfaces'][number]) =>
    live.acls.some(acl => acl.subnets.includes(subnet) && denies(acl, peer, port, protocol))
  if (live.interfaces.length > 0 && live.interfaces.every(isDenied)) return true
  const has = live.interfaces.some(({ publicAddresses }) => publicAddresses.length > 0)
  return !peer.includes(':') && !has && leadsOutByAddressAlone(incident)
}

/** Whether every interface had a public address: one without it reaches the outside through a shared gateway. */
export function leadsOutByAddressAlone({ restorePoint }: Incident): boolean {
  const interfaces = restorePoint?.interfaces ?? []
  return interfaces.length > 0 && interfaces.every(({ publicAddresses }) => publicAddresses.length > 0)
}

/** A stateless ACL cuts a conversation when it drops either direction. */
function denies(acl: AclDescription, peer: string, port: number, protocol: number): boolean {
  return [true, false].some(egress => {
    const entries = acl.entries.filter(entry => entry.egress === egress).toSorted((a, b) => a.number - b.number)
    for (const entry of entries) {
      const cidr = parseCidr(entry.cidr)
      if (!cidr || !contains(cidr, peer)) continue
      const all = entry.protocol === '-1'
      if (!all && entry.protocol !== String(protocol)) continue
      if (entry.allow) return false
      // A deny of some ports leaves others open, and inbound the peer's port is the source, which an ACL does not match.
      if (entry.ports && !(egress && entry.ports.from <= port && port <= entry.ports.to)) continue
      return true
    }
    return true
  })
}

function whyNotDenied({ denials }: Incident, peer: string): string {
  const refused = denials.find(denial => denial.peer === peer && !denial.allowed)
  return refused ? `: ${refused.reason}` : ''
}
