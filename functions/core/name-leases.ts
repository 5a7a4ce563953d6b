import { dropLeases, holdLeases, Leases, leaseKey, leaveLeases } from './leases.ts'
import { resolverOf } from './name-uses.ts'
import type { Ledger } from './ports.ts'

/** Which incidents need the rule group before a network's resolver. Each brings its own rule; the group goes with the last. */
export interface NameLeases {
  hold(vpc: string, incident: string): Promise<void>
  /** Returns whether no incident needs the group any more. The lease stays until `drop`, should what follows fail. */
  leave(vpc: string, incident: string): Promise<boolean>
  drop(vpc: string): Promise<void>
}

const GROUP = 'rule-group'

export function nameLeases(ledger: Ledger): NameLeases {
  return {
    async hold(vpc, incident) {
      const resolver = resolverOf(vpc)
      await holdLeases(ledger, resolver, [GROUP], incident, await ledger.read(leaseKey(resolver)))
    },
    async leave(vpc, incident) {
      const resolver = resolverOf(vpc)
      await leaveLeases(ledger, resolver, incident)
      const row = await ledger.read(leaseKey(resolver))
      return !row || Leases.parse(row.value).leases.every(({ incidents }) => incidents.length === 0)
    },
    drop: vpc => dropLeases(ledger, resolverOf(vpc)),
  }
}
