import { isExternal } from '../../../core/address.ts'
import type { Incident } from '../../../core/incident.ts'
import { leadsOutByAddressAlone } from '../../../core/proof.ts'
import { DENY_PEERS } from './deny-peers.ts'
import { factList } from './restore-point.ts'

/** Peers that some ACL before the instance does not deny: it must not, or it has no room. */
export function undeniedPeers(incident: Incident): string[] {
  const refused = incident.denials.filter(({ allowed }) => !allowed).map(({ peer }) => peer)
  const full = factList(incident, DENY_PEERS, 'undenied').flatMap(text => text.split(' ')[1] ?? [])
  return [...new Set([...refused, ...full])].toSorted()
}

/** Those that the instance may reach through a public address of its own. */
export function throughPublicAddress(incident: Incident): string[] {
  const isPublic = incident.restorePoint?.interfaces.some(({ publicAddresses }) => publicAddresses.length > 0)
  return isPublic ? undeniedPeers(incident).filter(peer => isExternal(peer) && !peer.includes(':')) : []
}

/** Those that only a stop can end: inside the network, over IPv6, or where an interface leads to a shared gateway. */
export function beyondAddress(incident: Incident): string[] {
  const ended = new Set(leadsOutByAddressAlone(incident) ? throughPublicAddress(incident) : [])
  return undeniedPeers(incident).filter(peer => !ended.has(peer))
}
