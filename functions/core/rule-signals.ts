import { compileRanges } from './address.ts'
import type { AlertView, ConversationView, InstanceView, NameView, Rule } from './rule.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { Signal } from './signal.ts'
import { compileSuffixes } from './suffixes.ts'

/** What the rules have in common: who opened a conversation, what is known of its peer, and how a hit becomes a signal. */

/** One hit, before it is tied to a rule and a conversation. */
export interface Hit {
  readonly family: Signal['family']
  readonly points: number
  readonly detail: string
  readonly technique?: string
  readonly name?: string
}

type Author = Pick<Rule, 'id' | 'technique'>

/**
 * Whether we opened it, proven by what only we can send: our SYN without ACK, or that we asked for a name that resolved to
 * the peer or greeted it. A guess by ports is no proof: an outsider chooses his own port.
 */
export function openedByUs({ service, initiator, names }: ConversationView): boolean {
  if (service !== 'theirs' || initiator.side !== 'us') return false
  return initiator.by === 'flags' || names.some(({ via }) => via !== 'ssh')
}

/**
 * The signals of a rule on a conversation, with what speaks for or against its peer beside them. A peer that the operator
 * allows gives identity only: he knows the address, not what else is behind it.
 */
export function signalsOn(
  rule: Author,
  view: InstanceView,
  conversation: ConversationView,
  hits: readonly Hit[],
): Signal[] {
  const kept = isAllowed(view.settings, conversation) ? hits.filter(({ family }) => family === 'identity') : hits
  if (!kept.some(({ points }) => points > 0)) return []
  const own = openedByUs(conversation)
  const { peer, port, protocol, first, last } = conversation
  return [...kept, ...standing(view, conversation)].map(({ family, points, detail, technique, name }) => ({
    rule: rule.id,
    family,
    points,
    ...(points > 0 && { technique: technique ?? rule.technique }),
    peer,
    port,
    protocol,
    ...(name !== undefined && { name: name.slice(0, 255) }),
    first,
    last,
    ...(own && { own }),
    detail: detail.slice(0, 1024),
  }))
}

const MAX_NAMES = 16

/** Names that a rule knows, asked for without a conversation that they lead to. One signal a service, weak. */
export function namesOnly(
  rule: Author,
  view: InstanceView,
  serviceOf: (name: string) => string | undefined,
  points: number,
): Signal[] {
  const connected = new Set(view.conversations.flatMap(({ names }) => names.map(({ name }) => name)))
  const seen = new Map<string, NameView>()
  for (const known of view.names) {
    if (known.via === 'ssh' || connected.has(known.name) || isAllowedName(view.settings, known.name)) continue
    const service = serviceOf(known.name)
    if (service !== undefined) seen.set(service, known)
  }
  return [...seen].slice(-MAX_NAMES).map(([service, { name, via, first, last }]) => ({
    rule: rule.id,
    family: 'identity',
    points,
    technique: rule.technique,
    name: name.slice(0, 255),
    first,
    last,
    own: true,
    detail: `${via === 'dns' ? 'Asked for' : 'Named'} ${shown(name)} (${service}); no connection to it was seen`,
  }))
}

/**
 * Verdicts of an intrusion-prevention rule or the provider. Identity only where we opened the connection: an outsider can
 * send us whatever makes a rule match.
 */
export function alertSignals(rule: Author, view: InstanceView, kind: AlertView['kind']): Signal[] {
  const { identity, weakIdentity } = view.settings.points
  return view.alerts
    .filter(alert => alert.kind === kind)
    .map(alert => {
      const conversation = view.conversations.find(
        ({ peer, port, protocol }) => peer === alert.peer && port === alert.port && protocol === alert.protocol,
      )
      const own = conversation !== undefined && openedByUs(conversation)
      return {
        rule: rule.id,
        family: 'identity',
        points: own ? identity : weakIdentity,
        technique: rule.technique,
        ...(alert.peer !== undefined && { peer: alert.peer, port: alert.port, protocol: alert.protocol }),
        first: alert.first,
        last: alert.last,
        ...(own && { own }),
        detail: `${alert.blocked ? 'Blocked and alerted' : 'Alerted'} by ${shown(alert.rule)}${
          own ? ', on a connection that we opened' : '; that we opened the connection is not proven'
        }`,
      }
    })
}

/** Text that the intruder chooses, cut for a sentence. */
export function shown(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

const compiledRanges = new WeakMap<readonly string[], (address: string) => boolean>()
const compiledNames = new WeakMap<readonly string[], (name: string) => boolean | undefined>()

/** Whether an address is in the ranges; they are compiled once, as settings live as long as the function. */
export function isIn(ranges: readonly string[], address: string): boolean {
  const contains = compiledRanges.get(ranges) ?? compileRanges(ranges)
  compiledRanges.set(ranges, contains)
  return contains(address)
}

export function isAllowedName({ allow }: RuleSettings, name: string): boolean {
  const find = compiledNames.get(allow.names) ?? compileSuffixes(allow.names.map(suffix => [suffix, true] as const))
  compiledNames.set(allow.names, find)
  return find(name) ?? false
}

/** By address, or by a name that a resolver gave it: what the instance says in a handshake is the intruder's word. */
export function isAllowed(settings: RuleSettings, { peer, names }: ConversationView): boolean {
  return (
    isIn(settings.allow.addresses, peer) ||
    names.some(({ name, via }) => via === 'dns' && isAllowedName(settings, name))
  )
}

/** How new the peer is, and whether the provider itself is behind it. */
function standing(
  { settings, prevalence, scopeSize, covered }: InstanceView,
  { peer, names }: ConversationView,
): Hit[] {
  const { novelty, points, providerRanges } = settings
  const hits: Hit[] = []
  if (covered.dns && !names.some(({ via }) => via === 'dns'))
    hits.push({ family: 'novelty', points: points.noDnsAnswer, detail: 'No DNS answer gave that address' })
  const fraction = prevalence(peer)
  if (fraction !== undefined && scopeSize > 0) {
    const users = Math.max(1, Math.round(fraction * scopeSize))
    const detail = `Used by ${users} of ${scopeSize} instances in scope`
    if (users === 1 || (scopeSize >= novelty.smallScope && fraction <= novelty.rare))
      hits.push({ family: 'novelty', points: points.rarePeer, detail })
    else if (fraction >= novelty.common) hits.push({ family: 'novelty', points: points.commonPeer, detail })
  }
  if (isIn(providerRanges, peer))
    hits.push({ family: 'context', points: points.providerRange, detail: 'In a range of the provider’s own services' })
  return hits
}
