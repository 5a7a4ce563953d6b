import type { EventSource, Source } from '../core/source.ts'
import { agentTrace } from './agent-trace/index.ts'
import { awsAlarm } from './aws-alarm/index.ts'
import { awsGuardDuty } from './aws-guardduty/index.ts'
import { awsNetworkFirewall } from './aws-network-firewall/index.ts'
import { awsDnsFirewall, awsResolver } from './aws-resolver/index.ts'
import { awsSecurityHub } from './aws-security-hub/index.ts'
import { awsVpcFlow } from './aws-vpc-flow/index.ts'

/** Logs, by the name that the configuration uses. To add a source, add its line. */
export const sources: Readonly<Record<string, Source>> = {
  [awsVpcFlow.id]: awsVpcFlow,
  [awsNetworkFirewall.id]: awsNetworkFirewall,
  [awsResolver.id]: awsResolver,
  [agentTrace.id]: agentTrace,
}

/** What arrives on the event bus; the first that takes an event decodes it. */
export const eventSources: readonly EventSource[] = [awsDnsFirewall, awsGuardDuty, awsSecurityHub, awsAlarm]
