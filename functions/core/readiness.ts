import { inventoryKeys, NetworkRow } from './inventory.ts'
import type { Policy } from './policy.ts'
import { keepInventory, type PreparedGroups } from './upkeep.ts'
import type { Failed, VerifyPorts } from './verify-ports.ts'

/** Brings the inventory up to date, and makes sure that each network has a quarantine group and that no rule stands in it. */
export async function keepReady(
  ports: VerifyPorts,
  policy: Policy,
  signal: AbortSignal,
  failed: Failed,
): Promise<{ inScope: number; networks: number }> {
  const fleet = await ports.readFleet(signal)
  const groups = new Map<string, PreparedGroups>()
  await Promise.all(
    fleet.networks.map(async ({ vpc }) => {
      const row = await ports.ledger.read(inventoryKeys.network(vpc))
      const recorded = row && NetworkRow.parse(row.value)
      const [quarantine, transit] = await Promise.all([
        ports.prepareQuarantine(vpc, recorded?.quarantine, signal).catch(failed(`quarantine group of ${vpc}`)),
        ports.prepareTransit?.(vpc, recorded?.transit, signal).catch(failed(`transit group of ${vpc}`)),
      ])
      groups.set(vpc, { quarantine, transit })
    }),
  )
  const { inScope } = await keepInventory(ports.ledger, fleet, policy, groups)
  return { inScope, networks: fleet.networks.length }
}
