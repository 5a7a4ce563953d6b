import { type AutoScaling, autoScaling } from './auto-scaling.ts'
import type { ClientOptions, Environment } from './clients.ts'
import { type Ec2, ec2Clients } from './ec2.ts'
import { revokeInvoker } from './invoke.ts'
import { type LoadBalancing, loadBalancing } from './load-balancing.ts'
import type { Revoke } from './revocation.ts'

/** What steps act through. No client is made before a step needs it. */
export interface StepClients {
  readonly ec2: Ec2
  readonly revoke: Revoke
  readonly scaling: AutoScaling
  readonly balancing: LoadBalancing
}

export function stepClients(environment: Environment, options: ClientOptions = {}): StepClients {
  return {
    ec2: ec2Clients(environment, options),
    revoke: revokeInvoker(environment, options),
    scaling: autoScaling(environment, options),
    balancing: loadBalancing(environment, options),
  }
}
