import { isExternal } from '../../core/address.ts'
import { TCP } from '../../core/flow.ts'
import type { ConversationView, InstanceView, Rule } from '../../core/rule.ts'
import type { RuleSettings } from '../../core/rule-settings.ts'
import {
  alertSignals,
  type Hit,
  isAllowedName,
  namesOnly,
  openedByUs,
  shown,
  signalsOn,
} from '../../core/rule-signals.ts'
import { isOwnPool, isOwnPoolAddress, OWN } from '../indicators/operators.ts'
import { isWebName, poolNamed, saysStratum, soundsLikePool } from '../indicators/pools.ts'
import { isServicePort, isSharedStratumPort, isStratumPort } from '../indicators/ports.ts'

const SSH = 22
const WEB_PORTS = new Set([80, 443])
/** Resolver logs and flow logs are stamped by different clocks and windows. */
const SLACK_SECONDS = 60

const author = { id: 'mining-pool', technique: 'T1496.001' }

export const miningPool: Rule = {
  ...author,
  title: 'Mining pool',
  severity: 'high',
  falsePositives: [
    'A wallet, a price feed or a node of a coin’s network: their names are no pool’s, their ports may be',
    'A pool’s website, opened by an agent that researches it',
    'A quiet long connection of small messages to a service on an odd port: put its name or address on the allow-list',
  ],
  runbook: [
    'Look at the load of GPU and CPU since the connection opened, and for which job',
    'Find the process that holds the connection and what started it: the agent’s tool calls, a schedule, an image layer',
    'Treat the credentials of the instance as known to others, then rebuild it',
  ],
  judge(view) {
    return [
      ...view.conversations.flatMap(conversation => judgeConversation(view, conversation)),
      ...namesOnly(author, view, name => serviceOf(view.settings, name), view.settings.points.weakIdentity),
      ...alertSignals(author, view, 'mining'),
    ]
  },
  keeps: (name, settings) => serviceOf(settings, name) !== undefined,
}

function serviceOf(settings: RuleSettings, name: string): string | undefined {
  return (
    poolNamed(name)?.value ??
    (isOwnPool(settings, name) ? OWN : undefined) ??
    (soundsLikePool(name) ? 'a pool by its labels' : undefined)
  )
}

function judgeConversation(view: InstanceView, conversation: ConversationView) {
  if (conversation.service !== 'theirs' || !isExternal(conversation.peer)) return []
  const shape = stratumShape(view.settings, conversation)
  return signalsOn(author, view, conversation, [
    ...named(view.settings, conversation, shape.length > 0),
    ...inOwnRange(view.settings, conversation),
    ...shape,
    ...onStratumPort(view.settings, conversation, shape.length > 0),
  ])
}

const isPoolPort = (port: number) => isStratumPort(port) || isSharedStratumPort(port)

/**
 * A pool's name and a connection of ours to where it resolved. A name under which its website may answer needs another
 * port than the web's, a name that only sounds like a pool needs stratum's port or shape, or the word itself; otherwise it is weak.
 */
function named(settings: RuleSettings, conversation: ConversationView, shaped: boolean): Hit[] {
  const { port, names, last, accepted } = conversation
  const opened = openedByUs(conversation) && accepted > 0
  const hits = names
    .filter(({ via, name, first }) => via !== 'ssh' && first <= last + SLACK_SECONDS && !isAllowedName(settings, name))
    .flatMap(({ name }) => {
      const pool = poolNamed(name)
      if (isOwnPool(settings, name)) return [{ name, of: OWN, stratum: true }]
      if (pool) return [{ name, of: pool.value, stratum: !WEB_PORTS.has(port) || shaped || !isWebName(name, pool) }]
      const stratum = shaped || isPoolPort(port) || (saysStratum(name) && !WEB_PORTS.has(port))
      return soundsLikePool(name) ? [{ name, of: 'a pool by its labels', stratum }] : []
    })
  const hit = hits.find(({ stratum }) => stratum) ?? hits[0]
  if (!hit) return []
  const proven = hit.stratum && opened
  return [
    {
      family: 'identity',
      points: proven ? settings.points.identity : settings.points.weakIdentity,
      name: hit.name,
      detail: proven
        ? `Connected to ${shown(hit.name)} (${hit.of}) on port ${port}`
        : `Connected to ${shown(hit.name)} (${hit.of}), which may be its website or was not reached`,
    },
  ]
}

/** An address of the operator's list: identity where we opened the connection and it was answered. */
function inOwnRange(settings: RuleSettings, conversation: ConversationView): Hit[] {
  const { peer, accepted, established } = conversation
  if (accepted === 0 || !isOwnPoolAddress(settings, peer)) return []
  const proven = established && openedByUs(conversation)
  return [
    {
      family: 'identity',
      points: proven ? settings.points.identity : settings.points.weakIdentity,
      detail: `The address is a pool’s by ${OWN}`,
    },
  ]
}

/** Small messages both ways, most minutes, on one connection. */
function stratumShape({ mining, points }: RuleSettings, conversation: ConversationView): Hit[] {
  const { protocol, initiator, stratumMinutes, clientPorts, minutes, port, packetsOut, packetsIn } = conversation
  // Who types or follows a log over SSH has the shape too, and the tunnel's rule judges him.
  if (protocol !== TCP || initiator.side !== 'us' || port === SSH) return []
  if (stratumMinutes < mining.stratumMinutes || clientPorts > mining.stratumMaxConnections) return []
  if (activeShare(minutes) < mining.stratumShare) return []
  const long = stratumMinutes >= mining.longStratumMinutes
  const strong = long ? points.longStratum : points.stratum
  return [
    {
      family: 'shape',
      points: isServicePort(port) ? Math.min(strong, points.stratumOnServicePort) : strong,
      detail: `The shape of stratum in ${stratumMinutes} minutes: ${packetsOut} small packets out and ${packetsIn} in`,
    },
  ]
}

/** Of the minutes from the first to the last that are known one by one, those active both ways. */
function activeShare(minutes: ConversationView['minutes']): number {
  const [first, last] = [minutes[0], minutes.at(-1)]
  if (!first || !last) return 0
  const both = minutes.reduce(
    (sum, { span, packetsOut, packetsIn }) => sum + (packetsOut > 0 && packetsIn > 0 ? span : 0),
    0,
  )
  return both / (last.minute + last.span - first.minute)
}

function onStratumPort({ points }: RuleSettings, conversation: ConversationView, shaped: boolean): Hit[] {
  const { port, protocol, established } = conversation
  if (protocol !== TCP || !established || !openedByUs(conversation)) return []
  if (isStratumPort(port))
    return [{ family: 'context', points: points.stratumPort, detail: `Port ${port}, which pools use and few others` }]
  if (shaped && isSharedStratumPort(port))
    return [{ family: 'context', points: points.sharedStratumPort, detail: `Port ${port}, which pools use too` }]
  return []
}
