import type { Step } from '../../core/ports.ts'
import type { CredentialSettings } from './revocation.ts'
import type { StepClients } from './step-clients.ts'
import { autoscaler } from './steps/autoscaler.ts'
import { type CollectSettings, collect } from './steps/collect.ts'
import { denyNames, type NameSettings } from './steps/deny-names.ts'
import { denyPeers } from './steps/deny-peers.ts'
import { isolateSubnet } from './steps/isolate-subnet.ts'
import { loadBalancers } from './steps/load-balancers.ts'
import { type LockSettings, lockSnapshots } from './steps/lock-snapshots.ts'
import { metadataService } from './steps/metadata-service.ts'
import { protect } from './steps/protect.ts'
import { publicAddresses } from './steps/public-addresses.ts'
import { revokeCredentials } from './steps/revoke-credentials.ts'
import { type ShareSettings, shareSnapshots } from './steps/share-snapshots.ts'
import { snapshot } from './steps/snapshot.ts'
import { stop } from './steps/stop.ts'
import { swapGroups } from './steps/swap-groups.ts'
import { type TransitSettings, transitSwap } from './steps/transit-swap.ts'

export type StepSettings = LockSettings &
  ShareSettings &
  NameSettings &
  CollectSettings &
  TransitSettings & { readonly credentials: CredentialSettings }

/** AWS's steps, in the order in which a report lists them; a release goes through them backwards. */
export function awsSteps(
  { ec2, revoke, scaling, balancing, names, collecting, subnets }: StepClients,
  settings: StepSettings,
): Step[] {
  return [
    // Given back last: an instance that cannot be reached, or does not run, fails the checks of both.
    autoscaler(scaling),
    loadBalancers(balancing),
    swapGroups(ec2),
    denyPeers(ec2),
    isolateSubnet(ec2, subnets, settings),
    publicAddresses(ec2, settings),
    stop(ec2, settings),
    transitSwap(ec2, settings),
    snapshot(ec2),
    protect(ec2, settings),
    revokeCredentials(revoke, settings.credentials),
    denyNames(names, settings),
    metadataService(ec2),
    lockSnapshots(ec2, settings),
    shareSnapshots(ec2, settings),
    collect(ec2, collecting, settings),
  ]
}
