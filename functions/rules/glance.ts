import type { Glimpse } from '../core/glimpse.ts'
import type { RuleSettings } from '../core/rule-settings.ts'
import { isOwnPoolAddress, isOwnTunnelAddress } from './indicators/operators.ts'
import { isStratumPort } from './indicators/ports.ts'
import { tunnelPorts } from './indicators/tunnels.ts'

const SSH = 22
const known = new Set(tunnelPorts.map(({ value }) => Number(value)))

/**
 * The most points that a conversation can get to which no name leads, novelty of its peer left out; 0 where every rule is
 * silent. What the rules ask of a conversation stands here once more as the least of it, and glance.test.ts holds the two
 * against each other.
 */
export function mostPoints(seen: Glimpse, settings: RuleSettings): number {
  const { tunnel, mining, points } = settings
  const { port, opened, clientPorts } = seen
  if (port === SSH || known.has(port) || isStratumPort(port)) return Number.POSITIVE_INFINITY
  if (isOwnTunnelAddress(settings, seen.peer) || isOwnPoolAddress(settings, seen.peer)) return Number.POSITIVE_INFINITY
  if (!opened) return 0
  let most = 0
  if (seen.stratumMinutes >= mining.stratumMinutes && clientPorts <= mining.stratumMaxConnections)
    most += Math.max(points.stratum, points.longStratum) + points.sharedStratumPort
  if (seen.driverMinutes >= tunnel.driverMinutes) most += points.driver
  if (seen.setupPackets >= tunnel.setupMinPackets && seen.setupBytes >= tunnel.setupMinBytes)
    most += points.otherSetup + points.bursts
  const few = clientPorts <= tunnel.openMaxConnections
  if ((few ? seen.open : seen.reopened) >= tunnel.openMinutes * 60) most += Math.max(points.open, points.longOpen)
  if (few && seen.steadyMinutes >= tunnel.keepaliveMinutes && seen.cv < tunnel.keepaliveVariation)
    most += points.keepalive
  return most
}
