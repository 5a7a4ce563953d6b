import { changeLeases, dropLeases, leaseKey } from './leases.ts'
import type { Ledger } from './ports.ts'

/** Which incidents need a subnet to be cut off whole, and the ACL that served it before the first of them. */
export interface SubnetLeases {
  /** Written before the subnet is changed. Returns the ACL that the first holder found there. */
  hold(subnet: string, incident: string, serving: string): Promise<string>
  /**
   * `last`: no incident needs it any more. `original`: what is to serve it then; absent where nobody held a lease. The lease
   * stays until `drop`, should what follows fail.
   */
  leave(subnet: string, incident: string): Promise<{ readonly last: boolean; readonly original: string | undefined }>
  drop(subnet: string): Promise<void>
}

const ALL = 'all'

export function subnetLeases(ledger: Ledger): SubnetLeases {
  const read = (subnet: string) => ledger.read(leaseKey(keyOf(subnet)))
  return {
    async hold(subnet, incident, serving) {
      const { leases } = await changeLeases(ledger, keyOf(subnet), await read(subnet), ({ leases: [lease] }) => {
        const incidents = [...new Set([...(lease?.incidents ?? []), incident])]
        return { leases: [{ peer: ALL, incidents, entries: lease?.entries ?? [serving] }] }
      })
      return leases[0]?.entries[0] ?? serving
    },
    async leave(subnet, incident) {
      const row = await read(subnet)
      if (!row) return { last: true, original: undefined }
      const { leases } = await changeLeases(ledger, keyOf(subnet), row, ({ leases: held }) => ({
        leases: held.map(lease => ({ ...lease, incidents: lease.incidents.filter(one => one !== incident) })),
      }))
      return { last: leases.every(({ incidents }) => incidents.length === 0), original: leases[0]?.entries[0] }
    },
    drop: subnet => dropLeases(ledger, keyOf(subnet)),
  }
}

function keyOf(subnet: string): string {
  return `subnet/${subnet}`
}
