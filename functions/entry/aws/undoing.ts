import { awsSteps } from '../../clouds/aws/registry.ts'
import { stepClients } from '../../clouds/aws/step-clients.ts'
import type { Incident } from '../../core/incident.ts'
import { type Undo, undoOf } from '../../core/undo.ts'
import type { Environment } from '../config.ts'
import type { awsAdapters } from './adapters.ts'
import { stepSettings } from './step-settings.ts'

/**
 * The cloud's own command lines that undo a cut. Imported when first needed: the steps that know them carry EC2's client along,
 * of which operate makes no use and for which it has no right.
 */
export function undoCommands(
  { config, ledger, clock }: ReturnType<typeof awsAdapters>,
  environment: Environment,
): (incident: Incident) => Undo[] {
  const steps = awsSteps(stepClients(environment, { ledger, clock }), stepSettings(config))
  return incident => undoOf(steps, incident)
}
