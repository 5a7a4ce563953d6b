import { isExternal } from '../../core/address.ts'
import { TCP } from '../../core/flow.ts'
import type { ConversationView, InstanceView, Rule } from '../../core/rule.ts'
import type { RuleSettings } from '../../core/rule-settings.ts'
import {
  alertSignals,
  type Hit,
  isAllowed,
  isAllowedName,
  isIn,
  namesOnly,
  openedByUs,
  shown,
  signalsOn,
} from '../../core/rule-signals.ts'
import { isOwnTunnelAddress, OWN, ownTunnel } from '../indicators/operators.ts'
import { isIngress, tunnelBanners, tunnelPorts, tunnelRanges, tunnelsNamed } from '../indicators/tunnels.ts'
import { shapesOf } from './shape.ts'

const SSH = 22
const CLOUDFLARED = 7844
/** Both a banner and a key exchange, so that a probe of the port is no session. */
const SESSION_BYTES = 1500
/** Resolver logs and flow logs are stamped by different clocks and windows. */
const SLACK_SECONDS = 60

const author = { id: 'reverse-tunnel', technique: 'T1572' }

export const reverseTunnel: Rule = {
  ...author,
  title: 'Reverse tunnel',
  severity: 'critical',
  falsePositives: [
    'A tunnel that somebody runs on purpose: put its name or address on the allow-list (rules.allow)',
    'SSH to a host of your own on the internet that runs commands here: put its address on the allow-list',
    'A service that pushes many small messages and gets as many answers over one connection',
  ],
  runbook: [
    'Ask who opened the connection: the agent’s tool calls at that minute, the process that holds the socket',
    'Look at what went out: bytes by minute in the chart, and what the instance could reach inside meanwhile',
    'Revoke what the instance held (role credentials, tokens), then release it or rebuild it',
  ],
  judge(view) {
    return [
      ...view.conversations.flatMap(conversation => judgeConversation(view, conversation)),
      ...namesOnly(author, view, name => serviceOf(view.settings, name), view.settings.points.weakIdentity),
      ...alertSignals(author, view, 'tunnel'),
    ]
  },
  keeps: (name, settings) =>
    serviceOf(settings, name) !== undefined || name.startsWith('ssh-') || name.startsWith('SSH-'),
}

function serviceOf(settings: RuleSettings, name: string): string | undefined {
  return tunnelsNamed(name)[0]?.of ?? (ownTunnel(settings, name) && OWN)
}

function judgeConversation(view: InstanceView, conversation: ConversationView) {
  if (conversation.service !== 'theirs' || !isExternal(conversation.peer)) return []
  return signalsOn(author, view, conversation, [
    ...named(view.settings, conversation),
    ...inPublishedRange(view.settings, conversation),
    ...inOwnRange(view.settings, conversation),
    ...bannered(view.settings, conversation),
    ...ssh(view.settings, conversation),
    ...onToolPort(view.settings, conversation),
    ...shapesOf(view, conversation),
  ])
}

/** A tunnel's ingress by name and a connection of ours to where it resolved; its website and a refused try are weak. */
function named(settings: RuleSettings, conversation: ConversationView): Hit[] {
  const { port, names, last, accepted } = conversation
  const opened = openedByUs(conversation) && accepted > 0
  const hits = names
    .filter(({ via, name, first }) => via !== 'ssh' && first <= last + SLACK_SECONDS && !isAllowedName(settings, name))
    .flatMap(({ name }) => {
      const own = ownTunnel(settings, name)
      return [
        ...tunnelsNamed(name).map(indicator => ({ name, of: indicator.of, ingress: isIngress(indicator, port) })),
        ...(own ? [{ name, of: OWN, ingress: own.ingress }] : []),
      ]
    })
  const hit = hits.find(({ ingress }) => ingress) ?? hits[0]
  if (!hit) return []
  const proven = hit.ingress && opened
  return [
    {
      family: 'identity',
      points: proven ? settings.points.identity : settings.points.weakIdentity,
      name: hit.name,
      detail: proven
        ? `Connected to ${shown(hit.name)}, the tunnel ingress of ${hit.of}`
        : `Connected to ${shown(hit.name)}, a name of ${hit.of} that is not its ingress or was not reached`,
    },
  ]
}

function inPublishedRange(settings: RuleSettings, conversation: ConversationView): Hit[] {
  const { peer, port, established } = conversation
  if (port !== CLOUDFLARED || !established || !isIn(publishedRanges, peer)) return []
  const proven = openedByUs(conversation)
  return [
    {
      family: 'identity',
      points: proven ? settings.points.identity : settings.points.weakIdentity,
      detail: `Port ${CLOUDFLARED} of the addresses that Cloudflare publishes as its tunnel ingress`,
    },
  ]
}

/** An address of the operator's list: identity where we opened the connection and it was answered. */
function inOwnRange(settings: RuleSettings, conversation: ConversationView): Hit[] {
  const { peer, accepted, established } = conversation
  if (accepted === 0 || !isOwnTunnelAddress(settings, peer)) return []
  const proven = established && openedByUs(conversation)
  return [
    {
      family: 'identity',
      points: proven ? settings.points.identity : settings.points.weakIdentity,
      detail: `The address is a tunnel’s by ${OWN}`,
    },
  ]
}

const publishedRanges = tunnelRanges.map(({ value }) => value)

/** The banner of a tunnel's own client. */
function bannered(settings: RuleSettings, conversation: ConversationView): Hit[] {
  for (const { name, via } of conversation.names) {
    if (via !== 'ssh') continue
    const tool = tunnelBanners.find(({ value }) => name.slice(0, value.length).toLowerCase() === value)
    if (!tool) continue
    const proven = openedByUs(conversation)
    return [
      {
        family: 'identity',
        points: proven ? settings.points.identity : settings.points.weakIdentity,
        name,
        detail: `The banner ${shown(name)} is that of ${tool.of}`,
      },
    ]
  }
  return []
}

/** Accepted SSH that we opened: context, or proof where the operator forbids it. */
function ssh(settings: RuleSettings, conversation: ConversationView): Hit[] {
  const { points, egress } = settings
  const { port, protocol, names, setups, established } = conversation
  const isSsh = protocol === TCP && (port === SSH || names.some(({ via }) => via === 'ssh'))
  if (!isSsh || !established || !openedByUs(conversation) || isAllowed(settings, conversation)) return []
  const where = `to an external address in no allow-list${port === SSH ? '' : `, on port ${port}`}`
  const hits: Hit[] = [
    {
      family: 'context',
      points: points.sshEgress,
      technique: 'T1021.004',
      detail: `Accepted outbound SSH, opened by us, ${where}`,
    },
  ]
  const session = setups.some(({ bytesOut, bytesIn }) => Math.min(bytesOut, bytesIn) >= SESSION_BYTES)
  if (egress.ssh === 'forbidden' && session)
    hits.push({
      family: 'identity',
      points: points.identity,
      technique: 'T1021.004',
      detail: `An SSH session ${where}, and the policy forbids SSH to the internet`,
    })
  return hits
}

function onToolPort({ points }: RuleSettings, conversation: ConversationView): Hit[] {
  const { port, protocol, accepted } = conversation
  const tool = tunnelPorts.find(known => Number(known.value) === port && known.protocol === protocol)
  if (!tool || accepted === 0 || !openedByUs(conversation)) return []
  return [{ family: 'context', points: points.toolPort, detail: `Port ${port} is that of ${tool.of}` }]
}
