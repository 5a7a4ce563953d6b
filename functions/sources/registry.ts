import type { Source } from '../core/source.ts'
import { awsNetworkFirewall } from './aws-network-firewall/index.ts'
import { awsVpcFlow } from './aws-vpc-flow/index.ts'

/** By the name that the configuration uses. To add a source, add its line. */
export const sources: Readonly<Record<string, Source>> = {
  [awsVpcFlow.id]: awsVpcFlow,
  [awsNetworkFirewall.id]: awsNetworkFirewall,
}
