import { compileRanges, isExternal } from './address.ts'
import { TCP } from './flow.ts'
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
    .filter(alert => alert.kind === kind && !(alert.name !== undefined && isAllowedName(view.settings, alert.name)))
    .map(alert => {
      const { peer, port, protocol, proven, own, why } = groundOf(view, alert)
      return {
        rule: rule.id,
        family: 'identity',
        points: proven ? identity : weakIdentity,
        technique: rule.technique,
        ...(peer !== undefined && { peer, port, protocol }),
        ...(alert.name !== undefined && { name: alert.name }),
        first: alert.first,
        last: alert.last,
        ...(own && { own }),
        detail: `${alert.blocked ? 'Blocked and alerted' : 'Alerted'} by ${shown(alert.rule)}${why}`,
      }
    })
}

interface Ground extends Pick<AlertView, 'peer' | 'port' | 'protocol'> {
  /** We opened the connection that is alerted about. */
  readonly proven: boolean
  /** It rests on what the instance itself sent. */
  readonly own: boolean
  readonly why: string
}

/** Where a pool's or a tunnel's website answers too. */
const WEB_PORTS = new Set([80, 443])

/**
 * What an alert rests on. Ours is: a connection whose opening by us we saw; one that the provider, who watches the
 * instance, says it opened, as long as what we saw does not say otherwise; and a name that it asked for, with a connection of
 * ours to where that resolved. A name alone stays weak, as does one on a port of the web, where its page may be.
 */
function groundOf({ conversations }: InstanceView, alert: AlertView): Ground {
  const { peer, port, protocol, own } = alert
  const given = { peer, port, protocol }
  if (conversations.some(one => one.peer === peer && one.port === port && one.protocol === protocol && openedByUs(one)))
    return { ...given, proven: true, own: true, why: ', on a connection that we opened' }
  if (own === 'connection' && opensByWord(conversations, alert))
    return {
      ...given,
      proven: true,
      own: true,
      why: ', on a connection that the instance opened by the provider’s word',
    }
  if (own !== 'query')
    return { ...given, proven: false, own: false, why: '; that we opened the connection is not proven' }
  const asked = `; the instance asked for ${shown(alert.name ?? 'it')}`
  const led = conversations.find(
    one =>
      isExternal(one.peer) &&
      one.accepted > 0 &&
      !WEB_PORTS.has(one.port) &&
      openedByUs(one) &&
      one.names.some(({ name, via }) => via !== 'ssh' && name === alert.name),
  )
  // It stands alone: what an outsider does on a connection must not join with a query that his message caused.
  if (!led)
    return { ...given, peer: undefined, proven: false, own: true, why: `${asked}; no connection to it was seen` }
  return { ...led, proven: true, own: true, why: `${asked} and opened a connection to where it resolved` }
}

/**
 * TCP only: without a SYN there is no word on who opened. What was blocked reached nobody. Where we saw that peer ourselves, a
 * connection to the port that is alerted about must be among it, and not one that he opened.
 */
function opensByWord(
  conversations: readonly ConversationView[],
  { peer, port, protocol, blocked }: AlertView,
): boolean {
  if (peer === undefined || !isExternal(peer) || port === 0 || protocol !== TCP || blocked) return false
  const seen = conversations.filter(one => one.peer === peer && one.protocol === protocol)
  return seen.length === 0 || seen.some(one => one.port === port && one.service === 'theirs' && !openedByThem(one))
}

function openedByThem({ initiator }: ConversationView): boolean {
  return initiator.side === 'them' && initiator.by === 'flags'
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
