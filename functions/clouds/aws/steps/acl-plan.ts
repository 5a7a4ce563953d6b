import { createHash } from 'node:crypto'
import { contains, parseCidr } from '../../../core/address.ts'
import type { AclEntry } from '../../../core/description.ts'

/** EC2 numbers rules from 1 to 32766; the unnumbered last one denies (CreateNetworkAclEntry). */
const MAX_NUMBER = 32_766

/** A deny of one peer in one direction of one ACL. */
export interface Deny {
  readonly acl: string
  readonly peer: string
  readonly egress: boolean
}

export function rangeOf(peer: string): string {
  return peer.includes(':') ? `${peer}/128` : `${peer}/32`
}

function covers(entry: AclEntry, peer: string): boolean {
  const cidr = parseCidr(entry.cidr)
  return cidr !== undefined && contains(cidr, peer)
}

function towards(entries: readonly AclEntry[], { egress, peer }: Pick<Deny, 'egress' | 'peer'>): AclEntry[] {
  return entries.filter(entry => entry.egress === egress && covers(entry, peer)).toSorted((a, b) => a.number - b.number)
}

/** Rules are evaluated by number, the first that matches decides; a deny of some protocol or ports decides only those. */
export function isDenied(entries: readonly AclEntry[], deny: Pick<Deny, 'egress' | 'peer'>): boolean {
  const decisive = towards(entries, deny).find(({ allow, protocol, ports }) => allow || (protocol === '-1' && !ports))
  return decisive === undefined || !decisive.allow
}

/** The numbers of the entries that deny exactly this peer, as Firebreak makes them. */
export function ownNumbers(entries: readonly AclEntry[], deny: Pick<Deny, 'egress' | 'peer'>): number[] {
  const length = deny.peer.includes(':') ? '/128' : '/32'
  return towards(entries, deny)
    .filter(
      ({ allow, protocol, cidr, number }) =>
        !allow && protocol === '-1' && cidr.endsWith(length) && number <= MAX_NUMBER,
    )
    .map(({ number }) => number)
}

/**
 * Free numbers below the lowest allow that the deny overrides, in the order in which to claim them. They begin at a place
 * that follows from the peer, so that incidents that deny different peers at the same time rarely want the same number.
 */
export function* freeNumbers(
  entries: readonly AclEntry[],
  deny: Deny,
  planned: ReadonlySet<number>,
): Generator<number> {
  const lowest = towards(entries, deny).find(({ allow }) => allow)?.number ?? MAX_NUMBER + 1
  const count = Math.min(lowest - 1, MAX_NUMBER)
  if (count < 1) return
  const taken = new Set(entries.filter(({ egress }) => egress === deny.egress).map(({ number }) => number))
  const start = createHash('sha256').update(deny.peer).digest().readUInt32BE(0) % count
  for (let step = 0; step < count; step++) {
    const number = 1 + ((start + step) % count)
    if (!taken.has(number) && !planned.has(number)) yield number
  }
}

/** `acl/direction/number/range`: how an entry stands in the step's facts and in the leases. */
export function entryText({ acl, egress, peer }: Deny, number: number): string {
  return `${acl}/${egress ? 'egress' : 'ingress'}/${number}/${rangeOf(peer)}`
}

export function parseEntry(text: string): (Deny & { readonly number: number }) | undefined {
  const [acl, direction, number, peer] = text.split('/')
  if (!acl || !peer || !number || (direction !== 'egress' && direction !== 'ingress')) return undefined
  return { acl, peer, egress: direction === 'egress', number: Number(number) }
}
