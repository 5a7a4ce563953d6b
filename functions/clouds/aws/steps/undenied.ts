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

export interface AddressSettings {
  /** Take a public address away that EC2 assigned, too: the instance never gets the same one again. */
  readonly dropAssigned: boolean
}

/**
 * Those that only a stop can end: inside the network, over IPv6, or where an interface leads to a shared gateway or keeps
 * its public address.
 */
export function beyondAddress(incident: Incident, { dropAssigned }: AddressSettings): string[] {
  const keeps = !dropAssigned && hasAssigned(incident)
  const ended = new Set(leadsOutByAddressAlone(incident) && !keeps ? throughPublicAddress(incident) : [])
  return undeniedPeers(incident).filter(peer => !ended.has(peer))
}

function hasAssigned({ restorePoint }: Incident): boolean {
  return restorePoint?.interfaces.some(one => one.publicAddresses.some(({ assigned }) => assigned)) ?? false
}
