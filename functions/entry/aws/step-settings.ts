import type { StepSettings } from '../../clouds/aws/registry.ts'
import type { Config } from '../config.ts'

/** What the configuration says to AWS's steps: to the functions that run them and to the template that grants their rights. */
export function stepSettings({ escalation, evidence, credentials, dnsCovered, logGroups }: Config): StepSettings {
  const { lockDays, shareWith, bucket, prefix, key } = evidence
  const searched = Object.entries(logGroups).map(([group, { source }]) => ({ group, source }))
  return {
    stopWhenNeeded: escalation.stop,
    dropAssigned: escalation.dropAssigned,
    isolateSubnet: escalation.isolateSubnet,
    transitSeconds: escalation.transitSeconds,
    lockDays,
    shareWith,
    ...(bucket === undefined ? {} : { collect: { bucket, prefix, key, logGroups: searched } }),
    credentials,
    dnsCovered,
  }
}
