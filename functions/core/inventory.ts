import * as z from 'zod'
import { TAG_TRUST_MS } from './policy.ts'
import type { Key } from './ports.ts'

/**
 * The timed inventory: who held which interface and address from when to when, so that a record is attributed to who
 * held it then. verify fills it; watch and respond read it. Times are milliseconds since the epoch.
 */

const id = z.string().min(1).max(128)

export const InstanceRow = z.object({
  instance: id,
  account: z.string().max(64),
  region: z.string().max(64),
  vpc: id,
  launchedAt: z.number(),
  tags: z.record(z.string(), z.string()),
  /** The last time that its tags matched the scope selector; absent: never. */
  scopedAt: z.number().optional(),
  /** Since when, without a break, its tags match the exemption; absent: they do not. */
  exemptSince: z.number().optional(),
  /** For each tag selector of the policy's exceptions: since when its tags match it, and until when they did. */
  selected: z.record(z.string(), z.object({ since: z.number(), until: z.number().optional() })).optional(),
  interfaces: z.array(
    z.object({
      id,
      subnet: id,
      acl: id,
      addresses: z.array(z.string().max(64)),
      publicAddresses: z.array(z.string().max(64)),
    }),
  ),
  seenAt: z.number(),
  /** When it was last looked for and not found any more. */
  goneAt: z.number().optional(),
})
export type InstanceRow = z.infer<typeof InstanceRow>

const tenure = { instance: id, from: z.number(), to: z.number().optional() }

/** Where the instance stands at a time (milliseconds), by what its tags said and since when. */
export function standing({ scopedAt, exemptSince }: InstanceRow, now: number): 'in' | 'out' | 'exempt' {
  if (exemptSince !== undefined && exemptSince <= now - TAG_TRUST_MS) return 'exempt'
  return scopedAt !== undefined && scopedAt > now - TAG_TRUST_MS ? 'in' : 'out'
}

/** Who held an interface; newest last, bounded. */
export const InterfaceRow = z.object({
  interface: id,
  tenures: z.array(z.object({ ...tenure, vpc: id, subnet: id, acl: id, addresses: z.array(z.string().max(64)) })),
})
export type InterfaceRow = z.infer<typeof InterfaceRow>

/** Who held an address, private or public; the same private address may stand in several VPCs. */
export const AddressRow = z.object({
  address: z.string().max(64),
  tenures: z.array(z.object({ ...tenure, vpc: id, interface: id })),
})
export type AddressRow = z.infer<typeof AddressRow>

/** What must never be denied in a VPC, and the groups that were prepared for it: the quarantine and, where that is configured, an all-open one. */
export const NetworkRow = z.object({
  vpc: id,
  /** The VPC's own ranges, IPv4 and IPv6. */
  cidrs: z.array(z.string().max(64)),
  /** Ranges of peered and attached networks. */
  peeredCidrs: z.array(z.string().max(64)),
  /** Addresses of endpoints, proxies and resolvers. */
  endpoints: z.array(z.string().max(64)),
  quarantine: id.optional(),
  transit: id.optional(),
  seenAt: z.number(),
})
export type NetworkRow = z.infer<typeof NetworkRow>

/** Every interface behind an ACL, in scope or not: all of them feel a deny in it. */
export const AclRow = z.object({ acl: id, interfaces: z.array(id) })
export type AclRow = z.infer<typeof AclRow>

/** How many instances are in scope, counted by verify, never during a cut. */
export const ScopeRow = z.object({ inScope: z.number().int(), at: z.number() })
export type ScopeRow = z.infer<typeof ScopeRow>

const partition = 'inventory'
export const inventoryKeys = {
  partition,
  instance: (instance: string): Key => ({ partition, sort: `instance/${instance}` }),
  interface: (networkInterface: string): Key => ({ partition, sort: `interface/${networkInterface}` }),
  address: (address: string): Key => ({ partition, sort: `address/${address}` }),
  acl: (acl: string): Key => ({ partition, sort: `acl/${acl}` }),
  network: (vpc: string): Key => ({ partition, sort: `network/${vpc}` }),
  scope: { partition, sort: 'scope' } satisfies Key,
}
