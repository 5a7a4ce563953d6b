import { TCP } from '../../core/flow.ts'
import type { ConversationView, InstanceView, Setup } from '../../core/rule.ts'
import type { RuleSettings } from '../../core/rule-settings.ts'
import type { Hit } from '../../core/rule-signals.ts'

const SSH = 22

/**
 * The shapes of a reverse tunnel on a connection that we opened. That a session of SSH opened, stays open and keeps itself
 * alive is one observation, whoever uses it: it counts once, with its strongest sign, until somebody outside drives it.
 */
export function shapesOf(view: InstanceView, conversation: ConversationView): Hit[] {
  const { tunnel, points } = view.settings
  if (conversation.protocol !== TCP || conversation.initiator.side !== 'us') return []
  const horizon = Math.max(...view.conversations.map(({ last }) => last))
  const opening = conversation.setups.findLast(setup => isSetup(conversation, setup, horizon, tunnel))
  const setup: Hit[] = opening ? [setupHit(conversation, opening, points)] : []
  const stays = [...staysOpen(conversation, horizon, view.settings), ...keepsAlive(conversation, view.settings)]
  const driven = [
    ...drivenFromOutside(conversation, view.settings),
    ...(setup.length > 0 ? servesBursts(conversation, view.settings) : []),
  ]
  if (driven.length > 0) return [...driven, ...setup, ...stays]
  return setup.length > 0 ? setup : stays
}

/** A key exchange each way and no end. `horizon`: until when this instance's log is known, in seconds. */
function isSetup(
  { port, last, closed }: ConversationView,
  setup: Setup,
  horizon: number,
  limits: RuleSettings['tunnel'],
): boolean {
  const { at, packetsOut, packetsIn, bytesOut, bytesIn } = setup
  if (setup.closed || horizon - at < limits.setupSettlesSeconds) return false
  if (closed && last - at < limits.setupLastsSeconds) return false
  if (Math.min(packetsOut, packetsIn) < limits.setupMinPackets) return false
  if (Math.min(bytesOut, bytesIn) < limits.setupMinBytes) return false
  if (port === SSH) return bytesIn <= limits.setupMaxInPerOut * bytesOut
  return (
    Math.max(bytesOut, bytesIn) <= limits.setupMaxBytes &&
    Math.max(packetsOut, packetsIn) <= limits.setupMaxPackets &&
    bytesOut <= limits.setupMaxBytesPerPacket * packetsOut &&
    bytesIn <= limits.setupMaxBytesPerPacket * packetsIn
  )
}

function setupHit(
  { port }: ConversationView,
  { packetsOut, packetsIn, bytesOut, bytesIn }: Setup,
  points: RuleSettings['points'],
): Hit {
  return {
    family: 'shape',
    points: port === SSH ? points.sshSetup : points.otherSetup,
    detail: `Opened like SSH and left open: ${packetsOut} packets and ${bytesOut} B out, ${packetsIn} and ${bytesIn} B in, no end seen`,
  }
}

/** More and small packets come in, and what goes out is content: somebody outside types, or a program there asks. */
function drivenFromOutside(
  { minutes, driverMinutes, packetsOut, packetsIn, bytesOut }: ConversationView,
  { tunnel, points }: RuleSettings,
): Hit[] {
  const driven = minutes.filter(
    minute =>
      minute.packetsIn >= 10 * minute.span &&
      minute.packetsIn >= 1.5 * minute.packetsOut &&
      minute.bytesIn < 110 * minute.packetsIn &&
      minute.packetsOut > 0 &&
      minute.bytesOut >= tunnel.driverMinBytesPerPacketOut * minute.packetsOut,
  )
  const lately = driven.reduce((sum, { span }) => sum + span, 0)
  // Older minutes are kept as a count only; the conversation's own sums then say whether content went out.
  const earlier = bytesOut >= tunnel.driverMinBytesPerPacketOut * packetsOut ? driverMinutes : 0
  const count = Math.max(lately, earlier)
  if (count < tunnel.driverMinutes) return []
  const ratio = (packetsIn / Math.max(1, packetsOut)).toFixed(1)
  return [
    {
      family: 'shape',
      points: points.driver,
      detail: `Driven from outside on a connection that we opened: ${ratio} small packets in for each out in ${count} minutes`,
    },
  ]
}

/** A visitor's requests come in and pages go out, over and over on one connection. An upload is one burst, or a connection each. */
function servesBursts({ bursts, clientPorts }: ConversationView, { tunnel, points }: RuleSettings): Hit[] {
  if (bursts < tunnel.bursts || clientPorts >= bursts) return []
  return [
    {
      family: 'shape',
      points: points.bursts,
      detail: `Served in ${bursts} bursts on a connection that we opened: at least five times as much out as in`,
    },
  ]
}

function keepsAlive({ regularity, clientPorts }: ConversationView, { tunnel, points }: RuleSettings): Hit[] {
  if (clientPorts > tunnel.openMaxConnections) return []
  if (!regularity || regularity.minutes < tunnel.keepaliveMinutes) return []
  if (Math.max(regularity.cvOut, regularity.cvIn) >= tunnel.keepaliveVariation) return []
  return [
    {
      family: 'shape',
      points: points.keepalive,
      detail: `Keeps alive as regularly as a clock for ${regularity.minutes} minutes, both ways`,
    },
  ]
}

function staysOpen(conversation: ConversationView, horizon: number, { tunnel, points }: RuleSettings): Hit[] {
  const { first, last, closed, setups, clientPorts, established } = conversation
  if (!established) return []
  const began = clientPorts <= tunnel.openMaxConnections ? first : setups.at(-1)?.at
  if (began === undefined) return []
  const minutes = Math.floor(((closed ? last : horizon) - began) / 60)
  if (minutes < tunnel.openMinutes) return []
  const long = minutes >= tunnel.longOpenMinutes
  return [{ family: 'shape', points: long ? points.longOpen : points.open, detail: `Open for ${minutes} minutes` }]
}
