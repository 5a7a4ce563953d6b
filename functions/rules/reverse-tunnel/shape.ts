import { TCP } from '../../core/flow.ts'
import type { ConversationView, InstanceView, Minute, Setup, SetupView } from '../../core/rule.ts'
import type { RuleSettings } from '../../core/rule-settings.ts'
import type { Hit } from '../../core/rule-signals.ts'

const SSH = 22
/** IPv4 and TCP with timestamps (RFC 7323). */
const ACKNOWLEDGEMENT = 52

/**
 * The shapes of a reverse tunnel on a connection that we opened. That a session of SSH opened, stays open and keeps itself
 * alive is one observation, whoever uses it: it counts once, with its strongest sign, until somebody outside drives it. Where
 * its traffic shows that it serves somebody inside, it is no sign at all.
 */
export function shapesOf(view: InstanceView, conversation: ConversationView): Hit[] {
  const { tunnel, points } = view.settings
  if (conversation.protocol !== TCP || conversation.initiator.side !== 'us') return []
  const horizon = Math.max(...view.conversations.map(({ last }) => last))
  const openings = conversation.setups.filter(setup => isSetup(conversation, setup, horizon, tunnel))
  const opening = openings.at(-1)
  const left = openings.findLast(({ open }) => open)
  const setup: Hit[] = opening ? [setupHit(conversation, opening, points)] : []
  const stays = [...staysOpen(conversation, horizon, view.settings), ...keepsAlive(conversation, view.settings)]
  const driven = [
    ...drivenFromOutside(conversation, view.settings),
    ...(setup.length > 0 || (stays.length > 0 && conversation.port !== SSH)
      ? servesOutside(conversation, horizon, setup.length > 0 ? points.bursts : points.served, tunnel)
      : []),
  ]
  if (driven.length > 0) return [...driven, ...setup, ...stays]
  if (servesInside(conversation, tunnel)) return []
  // Whoever types inside shows it within minutes, and what is over and was not used did no harm.
  if (left && horizon - left.at >= unusedFor(left, tunnel)) return [setupHit(conversation, left, points)]
  return stays
}

/** How long it must stand open: what carried more than its opening at once goes on after a pause, as copies do. */
function unusedFor({ bytesOut, bytesIn }: Setup, { setupMaxBytes, openMinutes, idleSeconds }: RuleSettings['tunnel']) {
  return Math.max(bytesOut, bytesIn) > setupMaxBytes ? Math.max(openMinutes * 60, idleSeconds) : idleSeconds
}

/** A key exchange each way, of about the same size, and no end. `horizon`: until when this instance's log is known, in seconds. */
function isSetup(
  { port, last }: ConversationView,
  setup: SetupView,
  horizon: number,
  limits: RuleSettings['tunnel'],
): boolean {
  const { at, open, packetsOut, packetsIn, bytesOut, bytesIn } = setup
  if (setup.closed || horizon - at < limits.setupSettlesSeconds) return false
  if (!open && last - at < limits.setupLastsSeconds) return false
  if (Math.min(packetsOut, packetsIn) < limits.setupMinPackets) return false
  if (port === SSH)
    return Math.min(bytesOut, bytesIn) >= limits.setupMinBytes && bytesIn <= limits.setupMaxInPerOut * bytesOut
  return (
    Math.min(bytesOut, bytesIn) >= limits.setupMinBytes &&
    Math.max(bytesOut, bytesIn) <= limits.setupMaxBytes &&
    Math.max(bytesOut, bytesIn) <= limits.setupBalance * Math.min(bytesOut, bytesIn) &&
    Math.max(packetsOut, packetsIn) <= limits.setupMaxPackets &&
    bytesOut <= limits.setupMaxBytesPerPacket * packetsOut &&
    bytesIn <= limits.setupMaxBytesPerPacket * packetsIn
  )
}

/**
 * Whom the connection serves, by what it carried besides its openings: somebody inside who types (the mirror of a driver
 * outside), a log that is followed (what goes out is bare acknowledgements), or a copy in one direction at the wire's rate.
 */
function servesInside(conversation: ConversationView, limits: RuleSettings['tunnel']): boolean {
  const { setups, minutes } = conversation
  const rest = (sum: 'packetsOut' | 'packetsIn' | 'bytesOut' | 'bytesIn') =>
    setups.reduce((left, setup) => left - setup[sum], conversation[sum])
  const [packetsOut, packetsIn, bytesOut, bytesIn] = [
    rest('packetsOut'),
    rest('packetsIn'),
    rest('bytesOut'),
    rest('bytesIn'),
  ]
  const bytes = (of: readonly Minute[]) => of.reduce((sum, minute) => sum + minute.bytesOut + minute.bytesIn, 0)
  const copied = bytes(minutes.filter(minute => isBulk(minute, limits)))
  if (copied > 0 && copied >= limits.copyShare * bytes(minutes)) return true
  if (packetsOut < limits.insideMinPackets || packetsIn < limits.insideMinPackets) return false
  // What comes in is content, unlike the answers to keepalives, which are as small as those.
  if (bytesIn * packetsOut < 1.5 * bytesOut * packetsIn) return false
  const typed = packetsOut >= 1.5 * packetsIn && bytesOut < 110 * packetsOut
  const followed = bytesOut <= limits.acknowledgementBytes * packetsOut
  return typed || followed
}

function isBulk({ span, bytesOut, bytesIn }: Minute, { bulkBytes }: RuleSettings['tunnel']): boolean {
  return (
    Math.max(bytesOut, bytesIn) >= bulkBytes * span && Math.max(bytesOut, bytesIn) >= 5 * Math.min(bytesOut, bytesIn)
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

/**
 * A visitor's requests come in and pages go out, in minute after minute of one connection. To an upload come bare
 * acknowledgements, or it runs at the wire's rate; it is one burst, or a connection each.
 */
function servesOutside(
  { port, minutes, clientPorts }: ConversationView,
  horizon: number,
  worth: number,
  tunnel: RuleSettings['tunnel'],
): Hit[] {
  const served = minutes.filter(minute => isServed(minute, tunnel))
  const copied = minutes.filter(minute => isBulk(minute, tunnel)).length
  const bursts = served.filter(({ minute }, index) => {
    const before = served[index - 1]
    return !before || before.minute + before.span < minute
  }).length
  if (clientPorts >= served.length || served.length <= 2 * copied) return []
  if (bursts < tunnel.bursts && served.length < tunnel.servedMinutes) return []
  if (port !== SSH && !comesInTurns(minutes, served, horizon, tunnel)) return []
  return [
    {
      family: 'shape',
      points: worth,
      detail: `Served on a connection that we opened: requests in and five times as much out in ${served.length} minutes, ${bursts} bursts`,
    },
  ]
}

/**
 * Visitors come and go, and between them the tunnel carries next to nothing. A service that takes small messages and gives
 * smaller answers has the same sums in its busy minutes, and goes on between them.
 */
function comesInTurns(
  minutes: readonly Minute[],
  served: readonly Minute[],
  horizon: number,
  limits: RuleSettings['tunnel'],
): boolean {
  const [from] = minutes
  if (!from) return false
  const both = (of: readonly Minute[]) => of.reduce((sum, { bytesOut, bytesIn }) => sum + bytesOut + bytesIn, 0)
  const spans = (of: readonly Minute[]) => of.reduce((sum, { span }) => sum + span, 0)
  // Its first minute holds the opening.
  const rest = minutes.filter(minute => minute !== from && !served.includes(minute))
  const quiet = Math.floor(horizon / 60) - from.minute - from.span - spans(served)
  return quiet >= limits.quietMinutes && both(rest) * spans(served) * limits.servedContrast <= both(served) * quiet
}

function isServed(minute: Minute, limits: RuleSettings['tunnel']): boolean {
  const { span, packetsIn, bytesOut, bytesIn } = minute
  return (
    bytesOut >= limits.servedMinBytes * span &&
    bytesOut >= 5 * bytesIn &&
    bytesIn >= ACKNOWLEDGEMENT * packetsIn + limits.requestBytes * span &&
    !isBulk(minute, limits)
  )
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
  const { first, last, closed, setups, clientPorts, established, openSince } = conversation
  if (!established) return []
  const began = clientPorts <= tunnel.openMaxConnections ? Math.max(first, openSince ?? first) : setups.at(-1)?.at
  if (began === undefined) return []
  const minutes = Math.floor(((closed ? last : horizon) - began) / 60)
  if (minutes < tunnel.openMinutes) return []
  const long = minutes >= tunnel.longOpenMinutes
  return [{ family: 'shape', points: long ? points.longOpen : points.open, detail: `Open for ${minutes} minutes` }]
}
