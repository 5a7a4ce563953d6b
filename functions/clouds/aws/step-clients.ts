import { nameLeases } from '../../core/name-leases.ts'
import { nameUsedByOthers } from '../../core/name-uses.ts'
import type { Clock, Ledger } from '../../core/ports.ts'
import { type SubnetLeases, subnetLeases } from '../../core/subnet-leases.ts'
import { type AutoScaling, autoScaling } from './auto-scaling.ts'
import type { ClientOptions, Environment } from './clients.ts'
import { dnsFirewall } from './dns-firewall.ts'
import { type Ec2, ec2Clients } from './ec2.ts'
import { evidenceStore } from './evidence-store.ts'
import { revokeInvoker } from './invoke.ts'
import { type LoadBalancing, loadBalancing } from './load-balancing.ts'
import { logSearch } from './log-search.ts'
import type { Revoke } from './revocation.ts'
import type { Collecting } from './steps/collect.ts'
import type { NameDenial } from './steps/deny-names.ts'

/** What steps act through. No client is made before a step needs it. */
export interface StepClients {
  readonly ec2: Ec2
  readonly revoke: Revoke
  readonly scaling: AutoScaling
  readonly balancing: LoadBalancing
  readonly names: NameDenial
  readonly collecting: Collecting
  readonly subnets: SubnetLeases
}

/** What steps know of other incidents and instances. */
export interface StepMemory {
  readonly ledger: Ledger
  readonly clock: Clock
}

export function stepClients(
  environment: Environment,
  { ledger, clock }: StepMemory,
  options: ClientOptions = {},
): StepClients {
  return {
    ec2: ec2Clients(environment, options),
    revoke: revokeInvoker(environment, options),
    scaling: autoScaling(environment, options),
    balancing: loadBalancing(environment, options),
    collecting: { store: evidenceStore(environment, options), logs: logSearch(environment, options), clock },
    subnets: subnetLeases(ledger),
    names: {
      firewall: dnsFirewall(environment, options),
      leases: nameLeases(ledger),
      nameUse: (vpc, name, instance) => nameUsedByOthers(ledger, { vpc, name, instance, now: clock.now() }),
    },
  }
}
