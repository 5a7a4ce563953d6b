import type { Glimpse } from '../core/glimpse.ts'
import type { RuleSettings } from '../core/rule-settings.ts'
import { isOwnPoolAddress, isOwnTunnelAddress } from './indicators/operators.ts'
import { isServicePort, isSharedStratumPort, isStratumPort } from './indicators/ports.ts'
import { tunnelPorts } from './indicators/tunnels.ts'

const SSH = 22
const known = new Set(tunnelPorts.map(({ value }) => Number(value)))

/**
 * The most points that a conversation can get to which no name leads, novelty of its peer left out; 0 where every rule is
 * silent. What the rules ask of a conversation stands here once more as the least of it, and glance.test.ts holds the two
 * against each other.
 */
export function mostPoints(seen: Glimpse, settings: RuleSettings): number {
  const { port, opened } = seen
  if (port === SSH || known.has(port) || isStratumPort(port)) return Number.POSITIVE_INFINITY
  if (isOwnTunnelAddress(settings, seen.peer) || isOwnPoolAddress(settings, seen.peer)) return Number.POSITIVE_INFINITY
  if (!opened) return 0
  // Rival readings of the same packets do not add up (score.ts).
  return Math.max(ofMining(seen, settings), ofTunnel(seen, settings))
}

function ofMining({ port, clientPorts, stratumMinutes }: Glimpse, { mining, points }: RuleSettings): number {
  if (stratumMinutes < mining.stratumMinutes || clientPorts > mining.stratumMaxConnections) return 0
  const strong = Math.max(points.stratum, points.longStratum)
  const shared = isSharedStratumPort(port) ? points.sharedStratumPort : 0
  return shared + (isServicePort(port) ? Math.min(strong, points.stratumOnServicePort) : strong)
}

function ofTunnel(seen: Glimpse, { tunnel, points }: RuleSettings): number {
  let most = 0
  if (seen.driverMinutes >= tunnel.driverMinutes) most += points.driver
  if (mayBeSetup(seen, tunnel)) most += points.otherSetup
  if (seen.outwardMinutes >= Math.min(tunnel.bursts, tunnel.servedMinutes))
    most += Math.max(points.bursts, points.served)
  const few = seen.clientPorts <= tunnel.openMaxConnections
  if ((few ? seen.open : seen.reopened) >= tunnel.openMinutes * 60) most += Math.max(points.open, points.longOpen)
  if (few && seen.steadyMinutes >= tunnel.keepaliveMinutes && seen.cv < tunnel.keepaliveVariation)
    most += points.keepalive
  return most
}

function mayBeSetup(seen: Glimpse, tunnel: RuleSettings['tunnel']): boolean {
  return (
    seen.setupPackets >= tunnel.setupMinPackets &&
    seen.setupFewest <= tunnel.setupMaxPackets &&
    seen.setupBytes >= tunnel.setupMinBytes &&
    seen.setupLeast <= tunnel.setupMaxBytes &&
    seen.setupLeanest <= tunnel.setupMaxBytesPerPacket
  )
}
