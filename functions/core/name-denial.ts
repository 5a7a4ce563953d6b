import type { Incident } from './incident.ts'

/** Which names of a finding the resolver's firewall may deny. Groups and ACLs do not stop the resolver of a network. */

/** The step that denies names, in every cloud. Its facts: `denied`, the names; `refused`, each as `name: reason`. */
export const DENY_NAMES = 'deny-names'

/** Whose finding is the traffic with the resolver itself: nothing else ends it. */
const DNS_TUNNEL = 'dns-tunnel'

/** Keeps the incident's row and the ticket short; a finding names one or two. */
const MAX_NAMES = 32

/** A name of at least two labels, as RFC 1035 has them, and with the underscore that services use. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

function isName(text: string): boolean {
  const labels = text.split('.')
  // The last label of an address is a number.
  return (
    text.length <= 253 &&
    labels.length >= 2 &&
    labels.every(one => LABEL.test(one)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  )
}

function namesIn(
  { findings }: Incident,
  isMeant: (signal: Incident['findings'][number]['signals'][number]) => boolean,
) {
  const signals = findings.flatMap(finding => finding.signals)
  const names = signals
    .filter(one => one.points > 0 && one.own === true && isMeant(one))
    .flatMap(({ name }) => name ?? [])
  return [...new Set(names)].filter(isName).toSorted().slice(0, MAX_NAMES)
}

/** Names that give a tunnel or a pool away, and suffixes that carry a tunnel. Only what the instance itself asked for. */
export function namesToDeny(incident: Incident): string[] {
  return namesIn(incident, ({ rule, family }) => family === 'identity' || rule === DNS_TUNNEL)
}

/** Suffixes under which the finding's tunnel runs and that can still be asked for. */
export function openTunnelNames(incident: Incident): string[] {
  const denied = incident.steps[DENY_NAMES]?.facts['denied']
  const stands = incident.steps[DENY_NAMES]?.status !== 'reverted' && Array.isArray(denied) ? denied : []
  return namesIn(incident, ({ rule }) => rule === DNS_TUNNEL).filter(name => !stands.includes(name))
}

/** Why a name is not denied, where the step has said so. */
export function whyNameOpen({ steps }: Incident, name: string): string {
  const refused = steps[DENY_NAMES]?.facts['refused']
  const found = Array.isArray(refused) ? refused.find(text => text.startsWith(`${name}: `)) : undefined
  return found?.slice(name.length) ?? ''
}
