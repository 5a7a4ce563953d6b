import type { StepSettings } from '../../clouds/aws/registry.ts'
import type { Config } from '../config.ts'

/** What the configuration says to AWS's steps: to the functions that run them and to the template that grants their rights. */
export function stepSettings({ escalation, evidence, credentials, dnsCovered }: Config): StepSettings {
  return {
    stopWhenNeeded: escalation.stop,
    dropAssigned: escalation.dropAssigned,
    ...evidence,
    credentials,
    dnsCovered,
  }
}
